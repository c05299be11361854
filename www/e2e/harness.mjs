const tests = [];

/** Registers a test; `run` runs them one after the other, each on its own. */
export function test(name, body) {
  tests.push({ name, body });
}

export async function run(server, filter = '') {
  let failed = 0;
  const chosen = tests.filter(({ name }) => name.includes(filter));
  for (const { name, body } of chosen) {
    const start = performance.now();
    try {
      await body(server);
      console.log(`ok    ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed++;
      console.log(
        `FAIL  ${name}\n      ${String(error?.stack ?? error).replaceAll('\n', '\n      ')}`,
      );
    }
  }
  console.log(`${chosen.length - failed} passed, ${failed} failed`);
  return failed === 0;
}
