// compare.mjs BPE_BENCH CORPORA [ROUNDS]: exact counting against npm's tokenizers, each in a process of
// its own, in turn, single-threaded, the best of a few rounds. Ends with 1 if a ratio misses its target.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const targets = {
  o200k: { mean: 15, least: 3, port: 8 },
  cl100k: { mean: 18, least: 4, port: 8 },
};
const here = dirname(fileURLToPath(import.meta.url));
const [bench, corpora, rounds = '3'] = process.argv.slice(2);
if (!corpora) {
  console.error('compare.mjs BPE_BENCH CORPORA [ROUNDS]');
  process.exit(2);
}

const run = (program, ...parameters) => JSON.parse(execFileSync(program, parameters, { cwd: here }));
const contestants = {
  parley: (vocabulary, file) => run(bench, 'pass', vocabulary, file),
  tiktoken: (vocabulary, file) => run(process.execPath, 'reference.mjs', 'tiktoken', vocabulary, file),
  'npm port': (vocabulary, file) =>
    run(process.execPath, 'reference.mjs', 'gpt-tokenizer', vocabulary, file),
};

function measure(vocabulary, file) {
  const best = {};
  for (let round = 0; round < Number(rounds); ++round) {
    for (const [name, pass] of Object.entries(contestants)) {
      const result = pass(vocabulary, file);
      if (!best[name] || result.first_s < best[name].first_s) best[name] = result;
    }
  }
  return best;
}

const geometricMean = (values) => Math.exp(values.reduce((sum, x) => sum + Math.log(x), 0) / values.length);
const megabytes = ({ bytes, first_s }) => bytes / first_s / 1e6;
const cell = (value, width = 10) => String(value).padStart(width);
let isMet = true;
const verdict = (is) => { isMet &&= is; return is ? 'met' : 'MISSED'; };

for (const [vocabulary, target] of Object.entries(targets)) {
  console.log(`\n${vocabulary}, MB/s, first pass over unseen text in a warm process`);
  console.log(cell('corpus', 12) + ['parley', 'again', 'tiktoken', 'npm port', 'x tiktoken', 'x port']
    .map((title) => cell(title, 11)).join(''));
  const overTiktoken = [], overPort = [];
  for (const name of readdirSync(corpora).filter((name) => name.endsWith('.txt')).sort()) {
    const best = measure(vocabulary, join(process.cwd(), corpora, name));
    if (best.parley.tokens !== best.tiktoken.tokens) {
      console.log(`${name}: ${best.parley.tokens} tokens, tiktoken says ${best.tiktoken.tokens}`);
      isMet = false;
    }
    const speeds = Object.values(best).map(megabytes);
    overTiktoken.push(speeds[0] / speeds[1]);
    overPort.push(speeds[0] / speeds[2]);
    console.log(cell(name.replace('.txt', ''), 12)
      + [speeds[0], best.parley.bytes / best.parley.again_s / 1e6, speeds[1], speeds[2], overTiktoken.at(-1), overPort.at(-1)]
        .map((value) => cell(value.toFixed(1), 11)).join(''));
  }
  const mean = geometricMean(overTiktoken), least = Math.min(...overTiktoken), port = geometricMean(overPort);
  console.log(`geometric mean ${mean.toFixed(1)} x tiktoken (at least ${target.mean}: ${verdict(mean >= target.mean)}), `
    + `least ${least.toFixed(1)} x (at least ${target.least}: ${verdict(least >= target.least)}), `
    + `${port.toFixed(1)} x the npm port (at least ${target.port}: ${verdict(port >= target.port)})`);
}
process.exitCode = isMet ? 0 : 1;
