// npm install openai
//
//   PARLEY_SERVER=http://127.0.0.1:8080 PARLEY_TOKEN=sk-ply-… node openai.mjs
import OpenAI from "openai";

const {PARLEY_SERVER = "http://127.0.0.1:8080", PARLEY_TOKEN, MODEL = "demo"} = process.env;
const client = new OpenAI({baseURL: `${PARLEY_SERVER}/v1`, apiKey: PARLEY_TOKEN});

for await (const model of client.models.list()) console.log(`model: ${model.id}`);

const stream = await client.chat.completions.create({
  model: MODEL,
  messages: [{role: "user", content: "Hello!"}],
  stream: true,
  stream_options: {include_usage: true},
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta.content ?? "");
  if (chunk.usage) console.log(`\n${chunk.usage.total_tokens} tokens`);
}
