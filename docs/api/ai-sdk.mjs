// npm install ai @ai-sdk/openai-compatible
//
//   PARLEY_SERVER=http://127.0.0.1:8080 PARLEY_TOKEN=sk-ply-… node ai-sdk.mjs
import {createOpenAICompatible} from "@ai-sdk/openai-compatible";
import {streamText} from "ai";

const {PARLEY_SERVER = "http://127.0.0.1:8080", PARLEY_TOKEN, MODEL = "demo"} = process.env;
const parley = createOpenAICompatible({
  name: "parley",
  baseURL: `${PARLEY_SERVER}/v1`,
  apiKey: PARLEY_TOKEN,
  includeUsage: true,
});

const {textStream, usage} = streamText({model: parley(MODEL), prompt: "Hello!"});
for await (const text of textStream) process.stdout.write(text);
console.log(`\n${(await usage).totalTokens} tokens`);
