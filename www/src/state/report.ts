import { adapterName, threadText } from './device';
import { compact, errorText } from './format';
import type { Studio } from './studio.svelte';

/** The network's own weights, among a model's files. */
const WEIGHTS = /(^|\/)diffusion_pytorch_model\.safetensors$/;

/** What a benchmark measured, and of what. */
function report({ device, thread, model, page, proof }: Studio) {
  const { facts, golden, benchmarks, times, measuredAt } = proof;
  return {
    page: `Reverie ${facts?.version ?? ''}`,
    date: measuredAt === null ? '' : new Date(measuredAt).toISOString(),
    browser: navigator.userAgent,
    device: {
      adapter: device ? adapterName(device) : '',
      vendor: device?.vendor ?? '',
      architecture: device?.architecture ?? '',
      software: device?.software ?? false,
      engine: `${device?.backend ?? ''} ${threadText(thread)}`,
    },
    model: {
      name: page.model,
      parameters: model?.parameters ?? 0,
      gflop_per_pass: model?.gflop ?? 0,
      weights_sha256: facts?.files.find(({ path }) => WEIGHTS.test(path))?.sha256 ?? '',
    },
    golden: golden instanceof Object && !(golden instanceof Error) ? golden : null,
    benchmarks,
    kernels_ms: Object.fromEntries(times.map(({ kernel, ms }) => [kernel, ms])),
  };
}

export const reportJson = (studio: Studio) => JSON.stringify(report(studio), null, 2);

export function reportText(studio: Studio): string {
  const { page, date, browser, device, model, golden, benchmarks } = report(studio);
  const lines = [
    `${page}, benchmark of ${date}`,
    `device: ${device.adapter}${device.software ? ' (software adapter)' : ''}, ${device.engine}`,
    `browser: ${browser}`,
    `model: ${model.name}, ${(model.parameters / 1e6).toFixed(2)} M parameters, ` +
      `${compact(model.gflop_per_pass)} GFLOP a pass`,
    `weights: SHA-256 ${model.weights_sha256}`,
    ...benchmarks.map(
      ({ batch, passes, passes_per_second, median_ms, p90_ms, gflop_per_second }) =>
        `batch ${batch}: ${compact(passes_per_second)} passes/s, ${compact(median_ms)} ms a pass ` +
        `(median; p90 ${compact(p90_ms)}), ${compact(gflop_per_second)} GFLOP/s, of ${passes} passes`,
    ),
  ];
  if (golden) {
    lines.push(
      `beside PyTorch: relative error ${errorText(golden.relative)} of ` +
        `${errorText(golden.tolerance)} allowed, ${golden.passed ? 'passed' : 'FAILED'}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
