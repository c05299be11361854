import type { DeviceFacts, ForwardImage, Recipe, RunFacts, Surface } from '../src/engine/types';

const SIDE = 32;
const T = 1000;
const abar = Array.from({ length: T }, (_, t) => {
  const f = (x: number) => Math.cos(((x / T + 0.008) / 1.008) * (Math.PI / 2)) ** 2;
  return Math.max(f(t + 1) / f(0), 1e-9);
});

function normals(seed: number, count: number): Float32Array {
  let s = (seed * 2654435761 + 12345) >>> 0;
  const uniform = () => {
    s = (Math.imul(s ^ (s >>> 15), 2246822519) + 0x9e3779b9) >>> 0;
    return ((s ^ (s >>> 13)) >>> 0) / 4294967296;
  };
  return Float32Array.from({ length: count }, () => {
    return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(6.2831853 * uniform());
  });
}

function digit(label: number, seed: number): Float32Array {
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const c = canvas.getContext('2d')!;
  c.fillRect(0, 0, SIDE, SIDE);
  c.translate(16, 16);
  c.rotate(((seed % 7) - 3) * 0.06);
  c.fillStyle = '#fff';
  c.font = '24px sans-serif';
  c.textAlign = 'center';
  c.textBaseline = 'middle';
  c.fillText(String(label), 0, 1);
  const { data } = c.getImageData(0, 0, SIDE, SIDE);
  return Float32Array.from({ length: SIDE * SIDE }, (_, i) => data[4 * i]! / 127.5 - 1);
}

function mix(a: Float32Array, s: number, b: Float32Array, n: number): Float32Array {
  return a.map((v, i) => s * v + n * b[i]!);
}

export class Engine {
  static async create(): Promise<Engine> {
    if (!navigator.gpu)
      throw Object.assign(new Error('navigator.gpu is missing.'), { name: 'NoWebGpu' });
    if (!(await navigator.gpu.requestAdapter()))
      throw Object.assign(new Error('requestAdapter() found nothing.'), { name: 'NoAdapter' });
    return new Engine();
  }
  surfaces = new Map<Surface, OffscreenCanvas>();
  recipe!: Recipe;
  x0: Float32Array[] = [];
  eps: Float32Array[] = [];
  levels: number[] = [];
  done = 0;
  image!: Float32Array;
  last!: Float32Array;
  device(): DeviceFacts {
    return {
      adapter: 'Mock adapter',
      vendor: 'mock',
      architecture: '',
      backend: 'WebGPU',
      presents: 'copy',
    };
  }
  async load() {
    await new Promise((r) => setTimeout(r, 400));
    return {
      name: 'digits',
      parameters: 1114209,
      gflop: 0.4974,
      channels: 1,
      height: SIDE,
      width: SIDE,
      class_names: [...'0123456789'],
      null_label: 10,
      num_train_timesteps: T,
      defaults: { sampler: 'ddim', steps: 50 },
      pad: 2,
    };
  }
  attach(surface: Surface, canvas: OffscreenCanvas) {
    this.surfaces.set(surface, canvas);
  }
  start(recipe: Recipe): RunFacts {
    this.recipe = recipe;
    this.done = 0;
    const { batch, class_label, seed, steps } = recipe;
    this.x0 = Array.from({ length: batch }, (_, i) =>
      digit(class_label === 'each' ? i % 10 : (class_label ?? (seed + i) % 10), seed + i),
    );
    this.eps = Array.from({ length: batch }, (_, i) => normals(seed + i, SIDE * SIDE));
    const ts = Array.from({ length: steps }, (_, k) => Math.round(T - (k * T) / steps) - 1);
    this.levels = [...ts.map((t) => abar[t]!), 1];
    this.show(0);
    const columns = Math.ceil(Math.sqrt(batch));
    return {
      steps: ts.map((timestep, step) => {
        const a = abar[timestep]!;
        return {
          step,
          timestep,
          alpha_bar: a,
          sigma: Math.sqrt((1 - a) / a),
          log_snr: Math.log(a / (1 - a)),
        };
      }),
      network_calls: steps * 2,
      width: columns * (SIDE + 1) - 1,
      height: Math.ceil(batch / columns) * (SIDE + 1) - 1,
      columns,
      rows: Math.ceil(batch / columns),
    };
  }
  step() {
    return ++this.done;
  }
  in_flight_ms() {
    return 0;
  }
  ms_per_step() {
    return 12.34;
  }
  frame(surface: Surface, k: number): Float32Array[] {
    const a = this.levels[k]!;
    return this.x0.map((x, i) =>
      surface === 'x_t'
        ? mix(x, Math.sqrt(a), this.eps[i]!, Math.sqrt(1 - a))
        : mix(x, 0.2 + 0.8 * a, x, 0),
    );
  }
  draw(surface: Surface, images: Float32Array[]) {
    const canvas = this.surfaces.get(surface)!;
    const columns = Math.ceil(Math.sqrt(images.length));
    const rows = Math.ceil(images.length / columns);
    canvas.width = columns * (SIDE + 1) - 1;
    canvas.height = rows * (SIDE + 1) - 1;
    const c = canvas.getContext('2d')!;
    images.forEach((image, n) => {
      const d = new ImageData(SIDE, SIDE);
      image.forEach((v, i) => {
        const g = (v + 1) * 127.5;
        d.data.set([g, g, g, 255], 4 * i);
      });
      c.putImageData(d, (n % columns) * (SIDE + 1), Math.floor(n / columns) * (SIDE + 1));
    });
  }
  show(k: number) {
    this.draw('x_t', this.frame('x_t', k));
    this.draw('x0_hat', this.frame('x0_hat', k));
  }
  async frame_pixels(surface: Surface, k: number) {
    if (surface === 'forward') return this.last;
    return Float32Array.from(this.frame(surface, k).flatMap((image) => [...image]));
  }
  async self_test() {
    await new Promise((r) => setTimeout(r, 300));
    return { max_abs: 3.1e-6, relative: 1.2e-6, passed: true };
  }
  set_forward_image(source: ForwardImage) {
    this.image =
      source.kind === 'pixels'
        ? Float32Array.from(source.values)
        : this.frame('x_t', source.frame)[source.sample]!;
  }
  show_forward(t: number, seed: number) {
    const a = abar[t]!;
    this.last = mix(this.image, Math.sqrt(a), normals(seed, SIDE * SIDE), Math.sqrt(1 - a));
    this.draw('forward', [this.last]);
    return {
      alpha_bar: a,
      signal: Math.sqrt(a),
      noise: Math.sqrt(1 - a),
      snr: a / (1 - a),
      log_snr: Math.log(a / (1 - a)),
    };
  }
  schedule() {
    return { alphas_cumprod: Float32Array.from(abar) };
  }
}

export default async function init() {}
