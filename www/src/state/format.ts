import type { RunFacts } from '../engine/types';

const MINUS = '−';

/** A number as people write it: few digits, a true minus sign, no exponent where none is needed. */
export function compact(value: number, digits = 3): string {
  if (Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : `${MINUS}∞`;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return scientific(value);
  const decimals = size >= 100 ? 0 : size >= 10 ? 1 : digits - 1;
  return value.toFixed(decimals).replace('-', MINUS);
}

/** An error: a power of ten, or none at all. */
export function errorText(value: number): string {
  if (value === 0) return '0';
  return value < 0.1 ? scientific(value) : compact(value);
}

/** The same to a number of significant digits: of small numbers too. */
export function significant(value: number, digits = 3): string {
  const size = Math.abs(value);
  if (size !== 0 && !(size >= 1e-3 && size < 1000)) return compact(value, digits);
  return String(Number(value.toPrecision(digits))).replace('-', MINUS);
}

function scientific(value: number): string {
  const [mantissa = '', exponent = ''] = value.toExponential(1).split('e');
  return `${mantissa.replace('-', MINUS)}·${tenTo(Number(exponent))}`;
}

function tenTo(exponent: number): string {
  return `10${[...String(exponent)].map((sign) => SUPERSCRIPT[sign] ?? sign).join('')}`;
}

/** A whole power of ten, plain where that is short. */
export function power(exponent: number): string {
  return Math.abs(exponent) > 2 ? tenTo(exponent) : String(10 ** exponent);
}

const SUPERSCRIPT: Record<string, string> = Object.fromEntries(
  [...'-0123456789'].map((sign, index) => [sign, [...'⁻⁰¹²³⁴⁵⁶⁷⁸⁹'][index] ?? sign]),
);

/** Of an adaptive method they are counted as they are made. */
type Calls = Pick<RunFacts, 'network_calls' | 'adaptive'>;

export function networkCalls(run: Calls, made: number, ended: boolean): string {
  if (!run.adaptive) return `${run.network_calls} network calls`;
  return `${made} network calls${ended ? '' : ' so far'}`;
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(2);
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB'];

/** Bytes as limits of devices are given: 16 KiB, 128 MiB. */
export function byteText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 && unit > 0 ? Number(value.toFixed(1)) : Math.round(value)} ${UNITS[unit] ?? ''}`;
}

export function milliseconds(ms: number): string {
  return ms < 10 ? ms.toFixed(1) : String(Math.round(ms));
}
