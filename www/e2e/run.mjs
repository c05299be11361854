// The built page in a real browser, WebGPU on a software adapter: `npm run e2e [-- PART_OF_A_NAME]`.
import { serveDist } from './browser.mjs';
import { run } from './harness.mjs';
import './opening.mjs';
import './reverse.mjs';
import './samplers.mjs';
import './schedules.mjs';
import './forward.mjs';
import './pictures.mjs';
import './states.mjs';
import './cpu.mjs';
import './branches.mjs';
import './race.mjs';
import './quality.mjs';
import './layout.mjs';
import './phone.mjs';
import './monkey.mjs';
import './device-loss.mjs';
import './offline.mjs';
import './proof.mjs';
import './exports.mjs';
import './own-model.mjs';
import { closeFixtures } from './models.mjs';

const server = await serveDist();
const passed = await run(server.url, process.argv[2]);
await server.close();
await closeFixtures();
process.exit(passed ? 0 : 1);
