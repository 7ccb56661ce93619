// oracle.mjs BPE_BENCH [STRINGS] [SEED] [CORPORA]: compares ids and counts with npm tiktoken, the official
// core, over generated strings of every kind known to tell tokenizers apart. Ends with 1 at a difference
// and prints the string. The same seed makes the same strings.
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { get_encoding } from 'tiktoken';

const [bench, strings = '200000', seed = '1', corpora] = process.argv.slice(2);
if (!bench) {
  console.error('oracle.mjs BPE_BENCH [STRINGS] [SEED] [CORPORA]');
  process.exit(2);
}
const batchSize = 5000;

let state = BigInt(seed) * 2862933555777941757n + 3037000493n;
function random(limit) {
  state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
  return Number((state >> 33n) % BigInt(limit));
}
const pick = (list) => list[random(list.length)];
const times = (most, make) => Array.from({ length: random(most + 1) }, make).join('');

// Code points by category as this node's Unicode knows them; the unassigned ones are drawn blindly.
const categories = ['Lu', 'Ll', 'Lt', 'Lm', 'Lo', 'Mn', 'Mc', 'Me', 'Nd', 'Nl', 'No', 'Zs', 'Zl', 'Zp', 'Cc', 'Cf',
  'Pc', 'Pd', 'Ps', 'Pe', 'Pi', 'Pf', 'Po', 'Sm', 'Sc', 'Sk', 'So'];
const members = Object.fromEntries(categories.map((name) => [name, []]));
const patterns = categories.map((name) => [name, new RegExp(`\\p{${name}}`, 'u')]);
for (let c = 0; c < 0x32000; ++c) {
  if (c >= 0xd800 && c < 0xe000) continue;
  const character = String.fromCodePoint(c);
  for (const [name, pattern] of patterns) if (pattern.test(character)) members[name].push(character);
}
const anyCodePoint = () => {
  for (;;) {
    const c = pick([random(0x3000), random(0x10000), random(0x110000), 0x1c80 + random(16), 0x10d40 + random(80),
      0x16d40 + random(60), 0x1e5d0 + random(48)]);
    if (c < 0xd800 || c >= 0xe000) return String.fromCodePoint(c);
  }
};
const anyMember = () => pick(members[pick(categories)]);
const spaces = [' ', ' ', ' ', '\n', '\r', '\r\n', '\t', '\v', '\f', '\u0085', '\u00a0', '\u1680', '\u2003', '\u2028', '\u202f',
  '\u205f', '\u3000', '\ufeff', '\u200b', '\u180e', '\u001c', '\u001f'];
const contractions = ["'s", "'S", "'t", "'re", "'RE", "'rE", "'ve", "'m", "'ll", "'lL", "'d", "'\u017f", "'", '\u2019s', "'l", "'r",
  "'v", "''s", "'\u212a"];
const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'];
const marks = ['!', '/', '//', '.', ',', '-', '--', '_', '(', ')', '{', '}', '"', '`', '```', '#', '*', '=', '<|endoftext|>',
  '<|im_start|>', '\\', '$', '%', '|', '~', '@', '^', '+'];
const samples = corpora
  ? readdirSync(corpora).filter((name) => name.endsWith('.txt')).map((name) => [...readFileSync(join(corpora, name), 'utf8')])
  : [];

const encodings = { cl100k: get_encoding('cl100k_base'), o200k: get_encoding('o200k_base') };
const decoder = new TextDecoder();
const anyToken = () => decoder.decode(pick([encodings.cl100k, encodings.o200k])
  .decode_single_token_bytes(random(100000)));
const anyRareToken = () => decoder.decode(encodings.o200k.decode_single_token_bytes(random(199998)));

const parts = [
  () => pick(letters), () => times(8, () => pick(letters)), () => pick(spaces), () => times(4, () => pick(spaces)),
  () => pick(contractions), () => pick(marks), () => String(random(100000)), anyMember, anyCodePoint, anyToken, anyRareToken,
];
const kinds = {
  mixed: () => times(24, () => pick(parts)()),
  categories: () => times(16, anyMember),
  'code points': () => times(12, anyCodePoint),
  spaces: () => times(12, () => pick([pick(spaces), pick(spaces), pick(marks), 'a', '1'])),
  contractions: () => times(8, () => pick([pick(letters), 'don', 'I', 'É', '\u0301']) + pick(contractions)),
  'letters and marks': () => times(16, () => pick([pick(members.Lu), pick(members.Ll), pick(members.Lt), pick(members.Lm),
    pick(members.Lo), pick(members.Mn), pick(members.Mc), "'s", ' '])),
  'tokens glued': () => times(10, anyToken),
  'rare tokens glued': () => times(8, anyRareToken),
  'one script': () => { const list = members[pick(['Lo', 'Ll', 'Lu', 'So', 'Po'])]; const at = random(list.length);
    return times(40, () => list[Math.min(at + random(60), list.length - 1)]); },
  repetition: () => { const unit = pick(parts)(); return unit.repeat(1 + random(Math.max(1, Math.floor(200 / (unit.length || 1))))); },
  'near repetition': () => { const unit = pick(parts)(); return unit.repeat(random(30)) + pick(parts)() + unit.repeat(random(30)); },
  random: () => times(60, () => pick(['a', 'b', 'A', 'e', 'x', '-', '='])),
  'long word': () => times(300, () => pick(letters)),
  sample: () => { if (samples.length === 0) return kinds.mixed(); const text = pick(samples); const at = random(text.length);
    return text.slice(at, at + random(300)).join(''); },
  'broken sample': () => { const text = [...kinds.sample()]; for (let i = random(4); i >= 0; --i)
    text.splice(random(text.length + 1), random(3), pick(parts)()); return text.join(''); },
};

function* frames(buffer) {
  for (let at = 0; at < buffer.length;) {
    const count = buffer.readUInt32LE(at);
    if (count === 0xffffffff) { yield null; at += 4; continue; }
    yield Array.from({ length: count }, (_, i) => buffer.readUInt32LE(at + 4 + 4 * i));
    at += 4 + 4 * count;
  }
}

function differences(vocabulary, batch) {
  const buffers = batch.map(({ text }) => Buffer.from(text, 'utf8'));
  const input = Buffer.concat(buffers.flatMap((bytes) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(bytes.length);
    return [size, bytes];
  }));
  const answer = spawnSync(bench, ['ids', vocabulary], { input, maxBuffer: 1 << 30 });
  if (answer.status !== 0) throw new Error(`${bench} ended with ${answer.status}: ${answer.stderr}`);
  const found = [...frames(answer.stdout)];
  if (found.length !== batch.length) throw new Error(`${found.length} answers to ${batch.length} texts`);
  return batch.filter(({ kind, text }, i) => {
    const expected = encodings[vocabulary].encode_ordinary(text);
    const same = found[i] !== null && found[i].length === expected.length && found[i].every((id, k) => id === expected[k]);
    if (!same) console.log(JSON.stringify({ vocabulary, kind, text, expected: [...expected], found: found[i] }));
    return !same;
  }).length;
}

const perKind = {};
let different = 0, tokens = 0;
for (let done = 0; done < Number(strings); done += batchSize) {
  const batch = Array.from({ length: Math.min(batchSize, Number(strings) - done) }, () => {
    const kind = pick(Object.keys(kinds));
    perKind[kind] = (perKind[kind] ?? 0) + 1;
    // Halves of surrogate pairs cannot be sent as UTF-8: what Buffer makes of them is what both sides get.
    return { kind, text: Buffer.from(kinds[kind](), 'utf8').toString('utf8') };
  });
  for (const vocabulary of Object.keys(encodings)) different += differences(vocabulary, batch);
  tokens += batch.reduce((sum, { text }) => sum + text.length, 0);
}
console.log(`${strings} strings of ${tokens} characters, both vocabularies, seed ${seed}: ${different} differ `
  + `(at most 0: ${different === 0 ? 'met' : 'MISSED'})`);
console.log(Object.entries(perKind).map(([kind, count]) => `${kind} ${count}`).join(', '));
process.exitCode = different === 0 ? 0 : 1;
