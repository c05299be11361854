import type { Problem } from '../engine/protocol';

export interface Advice {
  title: string;
  /** What a visitor can do, most promising first. */
  todo: string[];
}

export type Browser = 'chrome' | 'edge' | 'firefox' | 'safari' | 'other';

export function browserOf(userAgent: string): Browser {
  if (/Edg\//.test(userAgent)) return 'edge';
  if (/Firefox\/|FxiOS\//.test(userAgent)) return 'firefox';
  if (/Chrome\/|CriOS\//.test(userAgent)) return 'chrome';
  if (/Safari\//.test(userAgent)) return 'safari';
  return 'other';
}

const HOW_TO_GET_WEBGPU: Record<Browser, string[]> = {
  chrome: [
    'Update Chrome: WebGPU is on from version 113 (Android: 121).',
    'On Linux open chrome://flags/#enable-unsafe-webgpu and enable it.',
    'In chrome://settings/system turn on “Use graphics acceleration when available”.',
  ],
  edge: [
    'Update Edge: WebGPU is on from version 113.',
    'In edge://settings/system turn on “Use graphics acceleration when available”.',
  ],
  firefox: [
    'Update Firefox: WebGPU is on from version 141 on Windows and 145 on Macs.',
    'Elsewhere open about:config and set dom.webgpu.enabled and dom.webgpu.workers.enabled to true.',
  ],
  safari: [
    'Update to Safari 26 (macOS, iOS or iPadOS 26), which has WebGPU.',
    'Older Safari: Settings → Feature Flags → WebGPU.',
  ],
  other: ['Open this page in a current Chrome, Edge, Firefox or Safari.'],
};

const HOW_TO_GET_AN_ADAPTER: Record<Browser, string[]> = {
  ...HOW_TO_GET_WEBGPU,
  chrome: [
    'In chrome://settings/system turn on “Use graphics acceleration when available”, then restart.',
    'chrome://gpu says what stops WebGPU. On Linux, chrome://flags/#enable-unsafe-webgpu often helps.',
    'Without a graphics card, start Chrome with --enable-unsafe-webgpu --use-webgpu-adapter=swiftshader.',
  ],
  edge: [
    'In edge://settings/system turn on “Use graphics acceleration when available”, then restart.',
    'edge://gpu says what stops WebGPU.',
  ],
  firefox: [
    'Update the graphics driver; about:support says what stops WebGPU.',
    'In about:config set gfx.webgpu.ignore-blocklist to true.',
  ],
};

const AGAIN = 'Load the page again; if that does not help, the site is incomplete.';

/** Turns a fatal problem into words and things to do. */
export function adviceFor(problem: Problem, browser: Browser): Advice {
  switch (problem.name) {
    case 'InsecureContext':
      return {
        title: 'This address is not secure',
        todo: [
          'Open the page by https://, or on this machine by http://localhost.',
          'Browsers give WebGPU to secure addresses only.',
        ],
      };
    case 'NoWebGpu':
      return { title: 'This browser has no WebGPU', todo: HOW_TO_GET_WEBGPU[browser] };
    case 'NoAdapter':
      return {
        title: 'WebGPU found no graphics device',
        todo: HOW_TO_GET_AN_ADAPTER[browser],
      };
    case 'NoDevice':
      return {
        title: 'The graphics device could not be opened',
        todo: HOW_TO_GET_AN_ADAPTER[browser],
      };
    case 'DeviceLost':
    case 'DeviceFailed':
      return {
        title: 'The graphics device went away',
        todo: [
          'Load the page again: the address keeps the run, so it comes back as it was.',
          'If it happens again, choose fewer samples.',
        ],
      };
    case 'WeightsMissing':
      return {
        title: 'The model could not be fetched',
        todo: ['Check the connection, then load the page again.'],
      };
    case 'WeightsUnreachable':
      return {
        title: 'The model could not be fetched',
        todo: [
          'Check the connection, then load the page again.',
          'Models that this browser has opened before work without a network.',
        ],
      };
    case 'WeightsTruncated':
    case 'WeightsCorrupt':
      return { title: 'The model arrived damaged', todo: [AGAIN] };
    case 'EngineScript':
      return { title: 'The engine could not be started', todo: [AGAIN] };
    default:
      return { title: 'The engine stopped', todo: ['Load the page again.'] };
  }
}
