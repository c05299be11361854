import { expect, test } from 'vitest';
import { spans, trace } from './startup';

test('parts are given by the page’s clock, each as it was first', () => {
  const origin = performance.timeOrigin - 100;
  const start = performance.now();
  trace('engine', start);
  const [first] = spans(origin).slice(1);
  trace('engine', 0);
  trace('run', start);
  const [scripts, engine, run] = spans(origin);
  expect(engine).toEqual(first);
  expect(engine?.part).toBe('engine');
  expect(engine?.start_ms).toBeCloseTo(100 + start, 3);
  expect(engine?.end_ms).toBeGreaterThanOrEqual(engine?.start_ms ?? 0);
  expect(run?.part).toBe('run');
  expect(scripts).toEqual({ part: 'scripts', start_ms: 0, end_ms: engine?.start_ms });
});
