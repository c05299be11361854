/** A part of opening the page, in milliseconds since it was asked for. */
export interface Span {
  part: Part;
  start_ms: number;
  end_ms: number;
}

export const PARTS = [
  'scripts',
  'engine',
  'device',
  'weights',
  'shaders',
  'upload',
  'run',
  'first step',
] as const;
export type Part = (typeof PARTS)[number];

/** The parts are measures of the browser's own timeline, where DevTools show them too. */
const PREFIX = 'reverie: ';

const seen = new Set<Part>();

/** From `start` by this thread's clock until now, the first time: other models and runs follow. */
export function trace(part: Part, start: number): void {
  if (seen.has(part)) return;
  seen.add(part);
  performance.measure(PREFIX + part, { start, end: performance.now() });
}

export async function traced<T>(part: Part, work: () => T | Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  trace(part, start);
  return result;
}

/** How the page that was asked for at `origin` came to be. */
export function spans(origin: number): Span[] {
  const shift = performance.timeOrigin - origin;
  const measured = PARTS.flatMap((part): Span[] => {
    const [entry] = performance.getEntriesByName(PREFIX + part, 'measure');
    if (!entry) return [];
    const start_ms = shift + entry.startTime;
    return [{ part, start_ms, end_ms: start_ms + entry.duration }];
  });
  // The scripts are what was before all that this thread has measured.
  const end_ms = Math.min(...measured.map(({ start_ms }) => start_ms));
  return [{ part: 'scripts', start_ms: 0, end_ms }, ...measured];
}
