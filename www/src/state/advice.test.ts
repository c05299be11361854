import { describe, expect, it } from 'vitest';
import { adviceFor, browserOf } from './advice';

const AGENTS = {
  chrome:
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36',
  edge: 'Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36 Edg/156.0',
  firefox: 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0',
  safari:
    'Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15',
  other: 'curl/8.0',
} as const;

describe('advice', () => {
  it.each(Object.entries(AGENTS))('knows %s', (browser, agent) => {
    expect(browserOf(agent)).toBe(browser);
  });

  it('differs by browser where the way to WebGPU does', () => {
    const problem = { name: 'NoWebGpu', message: '' };
    expect(adviceFor(problem, 'firefox').todo.join()).toContain('about:config');
    expect(adviceFor(problem, 'chrome').todo.join()).toContain('chrome://flags');
  });

  it('always has something to do', () => {
    for (const name of ['NoAdapter', 'DeviceLost', 'WeightsCorrupt', 'SomethingNew']) {
      expect(adviceFor({ name, message: '' }, 'safari').todo.length).toBeGreaterThan(0);
    }
  });
});
