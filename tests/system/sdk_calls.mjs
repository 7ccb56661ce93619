// What one SDK can do with the server: a line of JSON for each capability.
//
//   node sdk_calls.mjs SDK ORIGIN KEY
//
// The models are `mock` (a mock of OpenAI), `embedder` (the same) and `slow` (writes for ever).
import assert from "node:assert/strict";

const [sdk, origin, key] = process.argv.slice(2);
const PLAIN = 'Grüße aus 北京, "Zürich" und 🙂.\nEnde.';
const DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
const SCHEMA = {type: "object", properties: {city: {type: "string"}}, required: ["city"]};
const VECTOR = [0.5, -2, 0.25];

const say = (text) => [{role: "user", content: text}];

async function refusal(call, name, status) {
  const error = await call().then(() => assert.fail(`${name} was expected`), (caught) => caught);
  assert.equal(error.constructor.name, name, `${error.constructor.name}: ${error.message}`);
  assert.equal(error.status, status);
  assert.ok(!String(error.message).includes("canary"), error.message);
  return error;
}

/// A stream that gives some text and then fails by the server's word; one that ends well is a fault.
async function breaks(read) {
  let text = "";
  const error = await read((piece) => { text += piece ?? ""; }).then(() => null, (caught) => caught);
  assert.ok(error, "the broken stream ended as if it were whole");
  assert.match(text, /^One t/);
  assert.match(String(error.message ?? JSON.stringify(error)), /model provider/);
}

async function openai() {
  const {default: OpenAI} = await import("openai");
  const client = new OpenAI({baseURL: `${origin}/v1`, apiKey: key, maxRetries: 0});
  const stranger = new OpenAI({baseURL: `${origin}/v1`, apiKey: "sk-wrong", maxRetries: 0});
  const chat = (text, more, options) =>
    client.chat.completions.create({model: "mock", messages: say(text), ...more}, options);
  const tools = [{type: "function", function: {name: "weather", parameters: SCHEMA}}];
  return {
    async list() {
      const names = [];
      for await (const model of client.models.list()) names.push(model.id);
      assert.deepEqual(names.sort(), ["embedder", "mock", "slow"]);
    },
    async retrieve() {
      assert.equal((await client.models.retrieve("mock")).id, "mock");
    },
    async chat() {
      const reply = await chat("Please say it plainly.");
      assert.equal(reply.choices[0].message.content, PLAIN);
      assert.equal(reply.choices[0].finish_reason, "stop");
    },
    async stream() {
      let text = "";
      const ids = new Set();
      const reasons = [];
      for await (const chunk of await chat("Please say it plainly.", {stream: true})) {
        ids.add(`${chunk.id} ${chunk.created}`);
        text += chunk.choices[0].delta.content ?? "";
        if (chunk.choices[0].finish_reason) reasons.push(chunk.choices[0].finish_reason);
      }
      assert.equal(text, PLAIN);
      assert.equal(ids.size, 1);
      assert.deepEqual(reasons, ["stop"]);
    },
    async usage() {
      const whole = await chat("Please say it plainly.");
      assert.ok(whole.usage.prompt_tokens > 0 && whole.usage.completion_tokens > 0);
      const told = [];
      const more = {stream: true, stream_options: {include_usage: true}};
      for await (const chunk of await chat("Please say it plainly.", more))
        if (chunk.usage) told.push(chunk);
      assert.equal(told.length, 1);
      assert.deepEqual(told[0].choices, []);
      assert.ok(told[0].usage.total_tokens > 0);
    },
    async tools() {
      const more = {tools, tool_choice: "auto"};
      const whole = await chat("Please use a tool.", more);
      const [call] = whole.choices[0].message.tool_calls;
      assert.deepEqual(JSON.parse(call.function.arguments), {city: "Bern"});
      assert.equal(whole.choices[0].finish_reason, "tool_calls");
      const stream = client.chat.completions.stream(
        {model: "mock", messages: say("Please use a tool."), tools});
      const streamed = (await stream.finalChatCompletion()).choices[0].message.tool_calls[0];
      assert.equal(streamed.function.name, "weather");
      assert.deepEqual(JSON.parse(streamed.function.arguments), {city: "Bern"});
      // And on, with the result.
      const on = await client.chat.completions.create({model: "mock", tools, messages: [
        ...say("Weather?"), {role: "assistant", content: null, tool_calls: [call]},
        {role: "tool", tool_call_id: call.id, content: "sunny"},
        ...say("Please say it plainly.")]});
      assert.equal(on.choices[0].message.content, PLAIN);
    },
    async images() {
      const content = [{type: "text", text: "Please look at this."},
                       {type: "image_url", image_url: {url: `data:image/png;base64,${DOT}`}}];
      const reply = await client.chat.completions.create(
        {model: "mock", messages: [{role: "user", content}]});
      assert.equal(reply.choices[0].message.content, "A red dot.");
    },
    async abort() {
      const stop = new AbortController();
      let at = 0;
      try {
        const stream = await chat("Go on.", {model: "slow", stream: true}, {signal: stop.signal});
        for await (const chunk of stream) {
          if (at || !chunk.choices[0].delta.content) continue;
          at = Date.now();
          stop.abort();
        }
      } catch (error) {
        assert.equal(error.constructor.name, "APIUserAbortError");
      }
      assert.ok(at > 0, "nothing came to be aborted");
      return at;
    },
    async errors() {
      const wrong = () => stranger.models.list();
      assert.equal((await refusal(wrong, "AuthenticationError", 401)).code, "invalid_api_key");
      const absent = await refusal(() => chat("Hi", {model: "no"}), "NotFoundError", 404);
      assert.equal(absent.code, "model_not_found");
      const bad = await refusal(() => chat("Hi", {temperature: "warm"}), "BadRequestError", 400);
      assert.equal(bad.param, "temperature");
      await refusal(() => chat("answer 429"), "RateLimitError", 429);
      await refusal(() => chat("answer 500"), "InternalServerError", 502);
    },
    async request_id() {
      assert.match((await chat("Please say it plainly."))._request_id, /^[\w.-]+$/);
      const error = await refusal(() => chat("Hi", {model: "no"}), "NotFoundError", 404);
      assert.match(error.requestID, /^[\w.-]+$/);
    },
    async embeddings_float() {
      const made = await client.embeddings.create(
        {model: "embedder", input: ["first text", "second text"], encoding_format: "float"});
      assert.deepEqual(made.data.map((item) => item.embedding), [VECTOR, VECTOR]);
    },
    async embeddings_base64() {
      // The SDK asks for base64 by itself, and decodes it.
      const made = await client.embeddings.create({model: "embedder", input: "first text"});
      assert.deepEqual(Array.from(made.data[0].embedding), VECTOR);
      const raw = await client.embeddings.create(
        {model: "embedder", input: "first text", encoding_format: "base64"});
      assert.equal(typeof raw.data[0].embedding, "string");
    },
    broken: () => breaks(async (saw) => {
      for await (const chunk of await chat("Now break off.", {stream: true}))
        saw(chunk.choices[0].delta.content);
    }),
  };
}

async function anthropic() {
  const {default: Anthropic} = await import("@anthropic-ai/sdk");
  const client = new Anthropic({baseURL: origin, apiKey: key, maxRetries: 0});
  const stranger = new Anthropic({baseURL: origin, apiKey: "sk-wrong", maxRetries: 0});
  const body = (text, more) => ({model: "mock", max_tokens: 100, messages: say(text), ...more});
  const ask = (text, more, options) => client.messages.create(body(text, more), options);
  const tools = [{name: "weather", input_schema: SCHEMA}];
  return {
    async list() {
      const names = [];
      for await (const model of client.models.list()) names.push(model.id);
      assert.deepEqual(names.sort(), ["embedder", "mock", "slow"]);
    },
    async retrieve() {
      assert.equal((await client.models.retrieve("mock")).display_name, "mock");
    },
    async chat() {
      const reply = await ask("Please say it plainly.");
      assert.equal(reply.content[0].text, PLAIN);
      assert.equal(reply.stop_reason, "end_turn");
    },
    async stream() {
      let text = "";
      const stream = client.messages.stream(body("Please say it plainly."));
      stream.on("text", (piece) => { text += piece; });
      const whole = await stream.finalMessage();
      assert.equal(text, PLAIN);
      assert.equal(whole.content[0].text, PLAIN);
    },
    async usage() {
      const whole = await ask("Please say it plainly.");
      assert.ok(whole.usage.input_tokens > 0 && whole.usage.output_tokens > 0);
      const streamed = await client.messages.stream(body("Please say it plainly.")).finalMessage();
      assert.deepEqual([streamed.usage.input_tokens, streamed.usage.output_tokens],
                       [whole.usage.input_tokens, whole.usage.output_tokens]);
      const counted = await client.messages.countTokens(
        {model: "mock", messages: say("Please say it plainly.")});
      assert.ok(counted.input_tokens > 3);
    },
    async tools() {
      const whole = await ask("Please use a tool.", {tools});
      assert.equal(whole.stop_reason, "tool_use");
      const call = whole.content.find((block) => block.type === "tool_use");
      assert.deepEqual(call.input, {city: "Bern"});
      const streamed = await client.messages.stream(body("Please use a tool.", {tools}))
        .finalMessage();
      assert.deepEqual(streamed.content.find((block) => block.type === "tool_use").input,
                       {city: "Bern"});
      const on = await client.messages.create({model: "mock", max_tokens: 100, tools, messages: [
        ...say("Weather?"), {role: "assistant", content: [call]},
        {role: "user", content: [{type: "tool_result", tool_use_id: call.id, content: "sunny"},
                                 {type: "text", text: "Please say it plainly."}]}]});
      assert.equal(on.content[0].text, PLAIN);
    },
    async images() {
      const source = {type: "base64", media_type: "image/png", data: DOT};
      const content = [{type: "image", source}, {type: "text", text: "Please look at this."}];
      const reply = await client.messages.create(
        {model: "mock", max_tokens: 100, messages: [{role: "user", content}]});
      assert.equal(reply.content[0].text, "A red dot.");
    },
    async abort() {
      const stop = new AbortController();
      let at = 0;
      try {
        const stream = await ask("Go on.", {model: "slow", stream: true}, {signal: stop.signal});
        for await (const event of stream) {
          if (at || event.type !== "content_block_delta") continue;
          at = Date.now();
          stop.abort();
        }
      } catch (error) {
        assert.equal(error.constructor.name, "APIUserAbortError");
      }
      assert.ok(at > 0, "nothing came to be aborted");
      return at;
    },
    async errors() {
      await refusal(() => stranger.messages.create(body("Hi")), "AuthenticationError", 401);
      const absent = await refusal(() => ask("Hi", {model: "no"}), "NotFoundError", 404);
      assert.equal(absent.error.error.type, "not_found_error");
      await refusal(() => ask("Hi", {temperature: "warm"}), "BadRequestError", 400);
      await refusal(() => ask("answer 429"), "RateLimitError", 429);
      await refusal(() => ask("answer 500"), "InternalServerError", 502);
    },
    async request_id() {
      assert.match((await ask("Please say it plainly."))._request_id, /^[\w.-]+$/);
      const error = await refusal(() => ask("Hi", {model: "no"}), "NotFoundError", 404);
      assert.match(error.requestID, /^[\w.-]+$/);
    },
    broken: () => breaks(
      (saw) => client.messages.stream(body("Now break off.")).on("text", saw).finalMessage()),
  };
}

async function aisdk() {
  const {createOpenAICompatible} = await import("@ai-sdk/openai-compatible");
  const {embedMany, generateText, jsonSchema, streamText, tool} = await import("ai");
  const make = (apiKey) =>
    createOpenAICompatible({name: "parley", baseURL: `${origin}/v1`, apiKey, includeUsage: true});
  const provider = make(key);
  const ask = (text, more) =>
    generateText({model: provider("mock"), prompt: text, maxRetries: 0, ...more});
  const begin = (text, more) => streamText(
    {model: provider("mock"), prompt: text, maxRetries: 0, onError: () => {}, ...more});
  const tools = {weather: tool({inputSchema: jsonSchema(SCHEMA)})};
  const status = async (call, wanted) => {
    const error = await call().then(() => assert.fail(`${wanted} was expected`), (e) => e);
    assert.equal(error.statusCode, wanted, error.message);
    assert.ok(error.message.length > 0);
  };
  return {
    async chat() {
      assert.equal((await ask("Please say it plainly.")).text, PLAIN);
    },
    async stream() {
      let text = "";
      for await (const piece of begin("Please say it plainly.").textStream) text += piece;
      assert.equal(text, PLAIN);
    },
    async usage() {
      assert.ok((await ask("Please say it plainly.")).usage.inputTokens > 0);
      assert.ok((await begin("Please say it plainly.").usage).outputTokens > 0);
    },
    async tools() {
      assert.deepEqual((await ask("Please use a tool.", {tools})).toolCalls[0].input,
                       {city: "Bern"});
      assert.deepEqual((await begin("Please use a tool.", {tools}).toolCalls)[0].input,
                       {city: "Bern"});
    },
    async images() {
      const content = [{type: "text", text: "Please look at this."},
                       {type: "image", image: `data:image/png;base64,${DOT}`}];
      const reply = await generateText(
        {model: provider("mock"), maxRetries: 0, messages: [{role: "user", content}]});
      assert.equal(reply.text, "A red dot.");
    },
    async abort() {
      const stop = new AbortController();
      let at = 0;
      try {
        const stream = begin("Go on.", {model: provider("slow"), abortSignal: stop.signal});
        for await (const piece of stream.textStream) {
          if (at || !piece) continue;
          at = Date.now();
          stop.abort();
        }
      } catch (error) {
        assert.equal(error.name, "AbortError");
      }
      assert.ok(at > 0, "nothing came to be aborted");
      return at;
    },
    async errors() {
      await status(() => ask("Hi", {model: make("sk-wrong")("mock")}), 401);
      await status(() => ask("Hi", {model: provider("no")}), 404);
      await status(() => ask("answer 429"), 429);
      await status(() => ask("answer 500"), 502);
    },
    async embeddings_float() {
      const model = (provider.embeddingModel ?? provider.textEmbeddingModel)("embedder");
      const made = await embedMany({model, values: ["first text", "second text"], maxRetries: 0});
      assert.deepEqual(made.embeddings, [VECTOR, VECTOR]);
    },
    broken: () => breaks(async (saw) => {
      for await (const part of begin("Now break off.").fullStream) {
        if (part.type === "text-delta") saw(part.text);
        if (part.type === "error") throw part.error;
      }
    }),
  };
}

async function langchain() {
  const {ChatOpenAI, OpenAIEmbeddings} = await import("@langchain/openai");
  const configuration = {baseURL: `${origin}/v1`};
  const make = (more) =>
    new ChatOpenAI({model: "mock", apiKey: key, maxRetries: 0, configuration, ...more});
  const chat = make({});
  const tools = [{type: "function", function: {name: "weather", parameters: SCHEMA}}];
  const status = async (call, wanted) => {
    const error = await call().then(() => assert.fail(`${wanted} was expected`), (e) => e);
    assert.equal(error.status, wanted, error.message);
  };
  return {
    async chat() {
      assert.equal((await chat.invoke("Please say it plainly.")).content, PLAIN);
    },
    async stream() {
      let text = "";
      for await (const piece of await chat.stream("Please say it plainly.")) text += piece.content;
      assert.equal(text, PLAIN);
    },
    async usage() {
      assert.ok((await chat.invoke("Please say it plainly.")).usage_metadata.input_tokens > 0);
      let total = 0;
      for await (const piece of await chat.stream("Please say it plainly."))
        total += piece.usage_metadata?.total_tokens ?? 0;
      assert.ok(total > 0);
    },
    async tools() {
      const reply = await chat.bindTools(tools).invoke("Please use a tool.");
      assert.deepEqual(reply.tool_calls[0].args, {city: "Bern"});
      let whole;
      for await (const piece of await chat.bindTools(tools).stream("Please use a tool."))
        whole = whole ? whole.concat(piece) : piece;
      assert.deepEqual(whole.tool_calls[0].args, {city: "Bern"});
    },
    async images() {
      const content = [{type: "text", text: "Please look at this."},
                       {type: "image_url", image_url: {url: `data:image/png;base64,${DOT}`}}];
      assert.equal((await chat.invoke([{role: "user", content}])).content, "A red dot.");
    },
    async abort() {
      const stop = new AbortController();
      let at = 0;
      try {
        const stream = await make({model: "slow"}).stream("Go on.", {signal: stop.signal});
        for await (const piece of stream) {
          if (at || !piece.content) continue;
          at = Date.now();
          stop.abort();
        }
      } catch (error) {
        assert.match(`${error.name} ${error.message}`, /abort/i);
      }
      assert.ok(at > 0, "nothing came to be aborted");
      return at;
    },
    async errors() {
      await status(() => make({apiKey: "sk-wrong"}).invoke("Hi"), 401);
      await status(() => make({model: "no"}).invoke("Hi"), 404);
      await status(() => chat.invoke("answer 429"), 429);
      await status(() => chat.invoke("answer 500"), 502);
    },
    async embeddings_float() {
      const made = new OpenAIEmbeddings(
        {model: "embedder", apiKey: key, maxRetries: 0, configuration});
      assert.deepEqual((await made.embedDocuments(["first text"])).map((v) => Array.from(v)),
                       [VECTOR]);
    },
    broken: () => breaks(async (saw) => {
      for await (const piece of await chat.stream("Now break off.")) saw(piece.content);
    }),
  };
}

const capabilities = await {openai, anthropic, aisdk, langchain}[sdk]();
for (const [capability, run] of Object.entries(capabilities)) {
  const line = {sdk, capability, ok: true, detail: null};
  try {
    line.detail = (await run()) ?? null;
  } catch (error) {
    line.ok = false;
    line.detail = String(error.stack ?? error);
  }
  console.log(JSON.stringify(line));
}
