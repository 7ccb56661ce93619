// npm install @langchain/openai
//
//   PARLEY_SERVER=http://127.0.0.1:8080 PARLEY_TOKEN=sk-ply-… node langchain.mjs
import {ChatOpenAI} from "@langchain/openai";

const {PARLEY_SERVER = "http://127.0.0.1:8080", PARLEY_TOKEN, MODEL = "demo"} = process.env;
const model = new ChatOpenAI({
  model: MODEL,
  apiKey: PARLEY_TOKEN,
  configuration: {baseURL: `${PARLEY_SERVER}/v1`},
});

for await (const chunk of await model.stream("Hello!")) process.stdout.write(chunk.text);
console.log();
