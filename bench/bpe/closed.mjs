// closed.mjs BPE_BENCH CORPORA: what Parley learns of vocabularies that it does not have, from the usage
// of answers alone: Claude's, as its maker published it once, and two of OpenAI's older ones. A provider
// counts the messages here, `bpe_bench estimates` is told the sums. Ends with 1 if a target is missed.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getTokenizer } from '@anthropic-ai/tokenizer';
import { get_encoding } from 'tiktoken';

const [bench, corpora] = process.argv.slice(2);
if (!corpora) {
  console.error('closed.mjs BPE_BENCH CORPORA');
  process.exit(2);
}
const messagesOfEach = 2500;
const claude = getTokenizer();
const ordinary = (encoding) => (text) => encoding.encode_ordinary(text).length;
const vocabularies = {
  claude: (text) => claude.encode(text.normalize('NFKC'), 'all').length,
  cl100k_base: ordinary(get_encoding('cl100k_base')),
  p50k_base: ordinary(get_encoding('p50k_base')),
};

let state = 17n;
function random(limit) {
  state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
  return Number((state >> 33n) % BigInt(limit));
}

// Messages of 40 to 4,000 bytes, most of them short.
const texts = ['english', 'chinese', 'cpp'].flatMap((name, kind) => {
  const corpus = [...readFileSync(join(corpora, `${name}.txt`), 'utf8')];
  const bytesOfEach = name === 'chinese' ? 2.5 : 1;
  return Array.from({ length: messagesOfEach }, () => {
    const size = Math.ceil((40 + random(random(4) === 0 ? 3960 : 600)) / bytesOfEach);
    const at = random(corpus.length - size);
    return { kind, text: corpus.slice(at, at + size).join('') };
  });
});

process.exitCode = 0;
for (const [name, count] of Object.entries(vocabularies)) {
  const input = Buffer.concat(texts.flatMap(({ kind, text }) => {
    const bytes = Buffer.from(text, 'utf8'), head = Buffer.alloc(12);
    [kind, count(text), bytes.length].forEach((value, i) => head.writeUInt32LE(value, 4 * i));
    return [head, bytes];
  }));
  const answer = spawnSync(bench, ['estimates'], { input, encoding: 'utf8' });
  console.log(`\na provider that counts with ${name}\n${answer.stdout}${answer.stderr}`.trimEnd());
  if (answer.status !== 0) process.exitCode = 1;
}
