// `node run.mjs [--firefox] [--nets a,c] [--batch 1,16] [--seconds 60] [--json FILE]`: every contender on
// every network, interleaved, in one browser; a table on stdout.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { openChromium, openFirefox } from './browsers.mjs';
import { serve } from './server.mjs';
import { table } from './table.mjs';

const MOST_ROUNDS = 9;
const FEWEST_ROUNDS = 3;
const TOLERANCE = 1e-4;

const { values: options } = parseArgs({
  options: {
    browser: { type: 'string', default: '' },
    firefox: { type: 'boolean', default: false },
    nets: { type: 'string', default: 'a,c,digits,portraits,ddpm-cifar10' },
    batch: { type: 'string', default: '1,16' },
    contenders: {
      type: 'string',
      default: 'reverie-webgpu,reverie-cpu,ort-webgpu,ort-wasm-1,ort-wasm-2,tfjs-webgpu',
    },
    // What a cell, a contender on a network at a batch, may take at the most.
    seconds: { type: 'string', default: '60' },
    json: { type: 'string' },
  },
});
const CELL_MS = 1000 * Number(options.seconds);
// Firefox tells of the ends of work ten times a second only: one pass there says nothing.
const WINDOW_MS = options.firefox ? 2000 : 400;
const TRIED = options.firefox ? 8 : 1;
const split = (text) => text.split(',').filter(Boolean);
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const say = (text) => process.stderr.write(`${text}\n`);

const gflopOf = (net) => JSON.parse(readFileSync(`../target/bench/${net}/facts.json`)).gflop;

/** The first pass of each, whoever cannot do it is out; then rounds in which each has its turn. */
async function measure(pages, net, batch) {
  const gflop = gflopOf(net);
  const cells = [];
  for (const [contender, page] of pages) {
    const cell = { contender, net, batch, rounds: [], spent: 0 };
    cells.push(cell);
    const before = cells.find((other) => other.contender === contender && other.skipped);
    if (before) continue;
    const expected = batch * gflop * (page.pace ?? 0);
    if (FEWEST_ROUNDS * expected > CELL_MS) {
      cell.skipped = `three passes would take about ${Math.round((3 * expected) / 1000)} s`;
      continue;
    }
    try {
      if (page.net !== net) await page.call('load', net);
      page.net = net;
      cell.first_ms = await page.call('first', batch);
      cell.error = await page.call('error', batch);
      if (!(cell.error <= TOLERANCE)) cell.skipped = `its output is off by ${cell.error}`;
      const once = await page.call('pass', batch, TRIED);
      cell.times = Math.max(1, Math.floor(WINDOW_MS / once));
      cell.spent = cell.first_ms + TRIED * once;
      cell.estimate = once;
    } catch (error) {
      cell.skipped = String(error.message ?? error).split('\n')[0];
    }
  }
  for (let round = 0; round < MOST_ROUNDS; round++) {
    for (const cell of cells) {
      const next = cell.spent + cell.times * cell.estimate;
      if (cell.skipped || (next > CELL_MS && cell.rounds.length >= 1)) continue;
      const ms = await pages.get(cell.contender).call('pass', batch, cell.times);
      cell.rounds.push(ms);
      cell.spent += cell.times * ms;
    }
  }
  for (const cell of cells) {
    if (!cell.skipped) {
      cell.ms = median(cell.rounds);
      // What the next network will take, for its work.
      if (batch === 1) pages.get(cell.contender).pace = cell.ms / gflop;
    }
    say(`${net}, batch ${batch}, ${cell.contender}: ${cell.skipped ?? `${cell.ms.toFixed(1)} ms`}`);
  }
  return cells.map(({ spent, estimate, ...cell }) => cell);
}

async function main() {
  const server = await serve();
  const browser = options.firefox
    ? await openFirefox(options.browser || 'firefox-esr')
    : await openChromium(options.browser || process.env.CHROMIUM || 'chromium');
  const report = {
    browser: browser.name,
    machine: `${cpus().length} cores of ${cpus()[0].model}`,
    date: new Date().toISOString().slice(0, 10),
    roofs: [],
    loop_roofs: [],
    plain_convolutions: [],
    encode_ms: {},
    cells: [],
    gflop: {},
  };
  if (options.json) mkdirSync(dirname(options.json), { recursive: true });
  try {
    const pages = new Map();
    for (const contender of split(options.contenders)) {
      try {
        const page = await browser.open(`${server.url}?contender=${contender}`);
        pages.set(contender, page);
      } catch (error) {
        say(`${contender}: ${error.message}`);
      }
    }
    const ours = pages.get('reverie-webgpu');
    for (const net of split(options.nets)) {
      report.gflop[net] = gflopOf(net);
      for (const batch of split(options.batch).map(Number)) {
        if (ours) report.roofs.push(await ours.call('roof'));
        if (ours) report.loop_roofs.push(await ours.call('loopRoof'));
        if (ours) report.plain_convolutions.push(await ours.call('plainConvolution'));
        if (ours && batch === 1) await ours.call('load', net);
        if (ours && batch === 1) report.encode_ms[net] = await ours.call('encode', 1, 10);
        report.cells.push(...(await measure(pages, net, batch)));
        report.roof_gflop_per_second = median(report.roofs);
        report.loop_gflop_per_second = median(report.loop_roofs);
        report.plain_convolution_gflop_per_second = median(report.plain_convolutions);
        // What was measured stays, whatever comes.
        if (options.json) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
      }
    }
  } finally {
    await browser.close();
    server.close();
  }
  console.log(table(report));
}

await main();
