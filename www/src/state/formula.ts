import type { Register, Row } from '../engine/types';

/** The registers as formulas have them; colours as everywhere: what is estimated, and noise. */
const NAMES: Record<Register, string> = {
  x: 'x',
  saved: "x'",
  h0: 'h_0',
  h1: 'h_1',
  h2: 'h_2',
  h3: 'h_3',
  x0_hat: String.raw`\htmlClass{estimate}{\hat x_0}`,
  eps_hat: String.raw`\htmlClass{noise}{\hat\varepsilon}`,
};
const FRESH_NOISE = String.raw`\htmlClass{noise}{z}`;
/** Rows beyond are told of, not shown. */
const MOST_LINES = 8;

/** Four digits, and no exponent where none is needed. */
export function texNumber(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) {
    const [mantissa = '', exponent = ''] = value.toExponential(2).split('e');
    return String.raw`${mantissa}\cdot10^{${Number(exponent)}}`;
  }
  return size >= 100 ? value.toFixed(1) : value.toFixed(size >= 10 ? 2 : 4);
}

function term(name: string, factor: number, first: boolean): string {
  const sign = factor < 0 ? '-' : first ? '' : '+';
  const size = Math.abs(factor);
  return `${sign}${size === 1 ? '' : String.raw`${texNumber(size)}\,`}${name}`;
}

function assignment({ to, terms, noise }: Row['assigns'][number], langevin: boolean): string {
  const named = terms.map(([register, factor]) => [NAMES[register], factor] as const);
  const all = noise === 0 ? named : [...named, [FRESH_NOISE, noise] as const];
  const sum = all.map(([name, factor], index) => term(name, factor, index === 0)).join('');
  const scaled = langevin ? String.raw`\quad\text{(by norms)}` : '';
  return String.raw`${NAMES[to]} &\leftarrow ${sum || '0'}${scaled}`;
}

function call({ input, timestep, guidance_scale }: Row): string[] {
  if (input === null || timestep === null) return [];
  const at = Number.isInteger(timestep) ? String(timestep) : texNumber(timestep);
  const guided =
    guidance_scale !== null && guidance_scale !== 1
      ? String.raw`,\;s{=}${Number(guidance_scale.toFixed(2))}`
      : '';
  return [
    String.raw`${NAMES.x0_hat},\,${NAMES.eps_hat} &\leftarrow \operatorname{net}(${NAMES[input]},\;t{=}${at}${guided})`,
  ];
}

/** What a step did, with its numbers, as TeX. */
export function formula(rows: Row[]): string {
  const lines = rows.flatMap((row) => [
    ...call(row),
    ...row.assigns.map((assign) => assignment(assign, row.langevin)),
  ]);
  const shown = lines.slice(0, MOST_LINES);
  const more = lines.length - shown.length;
  if (more > 0) shown.push(String.raw`&\;\;\vdots\quad\text{${more} more}`);
  return String.raw`\begin{aligned}${shown.join(String.raw`\\`)}\end{aligned}`;
}
