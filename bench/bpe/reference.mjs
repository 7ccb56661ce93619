// reference.mjs tiktoken|gpt-tokenizer cl100k|o200k FILE: one pass over unseen text in a warm process,
// as `bpe_bench pass` does it, by one of npm's tokenizers.
import { readFileSync } from 'node:fs';
import { documentsOf } from './documents.mjs';

const warmUpShare = 4;
const [library, vocabulary, file] = process.argv.slice(2);

async function counterOf() {
  if (library === 'tiktoken') {
    const { get_encoding } = await import('tiktoken');
    const encoding = get_encoding(`${vocabulary}_base`);
    return (text) => encoding.encode_ordinary(text).length;
  }
  const { countTokens } = await import(`gpt-tokenizer/encoding/${vocabulary}_base`);
  return (text) => countTokens(text, { disallowedSpecial: new Set() });
}

// The smaller of wall and CPU time: neither a busy machine nor the compiler's thread counts against it.
function timed(work) {
  const cpu = process.cpuUsage();
  const wall = process.hrtime.bigint();
  work();
  const used = process.cpuUsage(cpu);
  return Math.min(Number(process.hrtime.bigint() - wall) * 1e-9, (used.user + used.system) * 1e-6);
}

const count = await counterOf();
const buffers = documentsOf(readFileSync(file));
const documents = buffers.map((bytes) => bytes.toString('utf8'));
const warm = Math.floor(documents.length / warmUpShare);
for (const text of documents.slice(0, warm)) count(text);
let tokens = 0;
const unseen = documents.slice(warm);
const first = timed(() => { for (const text of unseen) tokens += count(text); });
const again = timed(() => { for (const text of unseen) count(text); });
const bytes = buffers.slice(warm).reduce((sum, buffer) => sum + buffer.length, 0);
console.log(JSON.stringify({ bytes, tokens, first_s: first, again_s: again }));
