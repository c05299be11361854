import { EngineClient } from '../engine/client';
import {
  problemOf,
  type Download,
  type Motion,
  type News,
  type Position,
  type Problem,
} from '../engine/protocol';
import type { DeviceFacts, ModelFacts, Recipe, RunFacts, Surface } from '../engine/types';
import { Address } from './address';
import { Forward } from './forward.svelte';
import { defaultState, parseHash, type PageState, type Station } from './page-state';

const MODEL = 'digits';
/** Long enough for a slider on its way to swallow the values it passes. */
const DEBOUNCE_MS = 150;

/** The state of the page and what can be done with it. The address is a copy of `page`. */
export class Studio {
  page: PageState = $state(defaultState());
  notes: string[] = $state([]);

  download: Download | null = $state.raw(null);
  device: DeviceFacts | null = $state.raw(null);
  model: ModelFacts | null = $state.raw(null);
  alphasCumprod: Float32Array | null = $state.raw(null);
  problem: Problem | null = $state.raw(null);

  run: RunFacts | null = $state.raw(null);
  frame = $state(0);
  computed = $state(0);
  motion: Motion = $state('rest');
  msPerStep = $state(0);

  readonly forward = new Forward(this);
  readonly #address = new Address();
  #client: EngineClient | null = null;
  #generation = 0;
  #turn = 0;
  #pending: ReturnType<typeof setTimeout> | undefined;

  /** Steps of the run that is on the canvas (its length: frames go from 0 to this). */
  readonly steps = $derived(this.run?.steps.length ?? this.page.recipe.steps);
  readonly ended = $derived(this.run !== null && this.computed === this.run.steps.length);
  readonly playing = $derived(this.motion !== 'rest');

  start(): void {
    this.#readAddress();
    try {
      if (!isSecureContext) {
        const message = `${location.origin} is neither HTTPS nor localhost.`;
        this.problem = { name: 'InsecureContext', message };
        return;
      }
      this.#client = new EngineClient(MODEL, (news) => {
        this.#receive(news);
      });
    } catch (thrown) {
      this.problem = problemOf(thrown);
    }
    addEventListener('popstate', () => {
      this.#followAddress();
    });
    document.addEventListener('visibilitychange', () => {
      this.#client?.post({ type: 'visible', visible: !document.hidden });
    });
    addEventListener('pagehide', () => {
      this.#address.flush();
    });
  }

  canvas(surface: Surface): HTMLCanvasElement | undefined {
    return this.#client?.canvases[surface];
  }

  get client(): EngineClient | null {
    return this.#client;
  }

  pixels(surface: Surface, frame: number): Promise<Float32Array> {
    if (!this.#client) return Promise.reject(new Error('There is no engine.'));
    return this.#client.ask({ ask: 'pixels', surface, frame });
  }

  visit(station: Station): void {
    if (station === this.page.station) return;
    this.page.station = station;
    this.#address.push(this.page);
    // The forward process starts from a finished sample.
    if (station === 'forward' && !this.ended) this.#move('finish');
  }

  /** Cancels the run at once; the new one starts when the controls have come to rest. */
  setRecipe(change: Partial<Recipe>): void {
    const { recipe, forward } = this.page;
    Object.assign(recipe, change);
    forward.sample = Math.min(forward.sample, recipe.batch - 1);
    this.page.frame = null;
    this.#generation++;
    this.#move('rest');
    this.saveAddress();
    clearTimeout(this.#pending);
    this.#pending = setTimeout(() => {
      this.#startRun();
    }, DEBOUNCE_MS);
  }

  saveAddress(): void {
    this.#address.write($state.snapshot(this.page));
  }

  togglePlay(): void {
    if (this.playing) this.#move('rest');
    else if (this.frame === this.steps) this.replay();
    else this.#move(this.#motionOfPlay());
  }

  /** From x_T again, over the frames that are kept. */
  replay(): void {
    this.seek(0);
    this.#move(this.#motionOfPlay());
  }

  stepBy(direction: 1 | -1): void {
    if (direction < 0) this.seek(this.frame - 1);
    else this.#client?.post({ type: 'step', turn: ++this.#turn });
  }

  seek(frame: number): void {
    this.frame = Math.min(Math.max(frame, 0), this.computed);
    this.motion = 'rest';
    this.#client?.post({ type: 'show', turn: ++this.#turn, frame: this.frame });
  }

  #move(motion: Motion): void {
    this.motion = motion;
    this.#client?.post({ type: 'move', turn: ++this.#turn, motion });
  }

  /** Who asked for less motion sees the result, not the way to it. */
  #motionOfPlay(): Motion {
    return matchMedia('(prefers-reduced-motion: reduce)').matches ? 'finish' : 'play';
  }

  #readAddress(): void {
    const { state, notes } = parseHash(location.hash);
    this.page = state;
    this.notes = notes;
    if (this.model) this.#fitToModel(this.model);
  }

  /** Back, forward, or another link in the same tab: only another recipe is another run. */
  #followAddress(): void {
    const before = JSON.stringify(this.page.recipe);
    this.#readAddress();
    if (!this.model) return;
    if (JSON.stringify(this.page.recipe) !== before) this.#startRun();
    else this.seek(this.page.frame ?? this.steps);
  }

  #startRun(): void {
    const { recipe, frame, station } = $state.snapshot(this.page);
    const motion = station === 'forward' ? 'finish' : this.#motionOfPlay();
    this.computed = this.frame = 0;
    this.motion = motion;
    this.#client?.post({
      type: 'run',
      generation: ++this.#generation,
      recipe,
      motion,
      stop_at: station === 'forward' ? null : frame,
    });
  }

  #note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text);
  }

  #fitToModel(model: ModelFacts): void {
    const { recipe, forward } = this.page;
    const classes = model.class_names?.length ?? 0;
    if (typeof recipe.class_label === 'number' && recipe.class_label >= classes) {
      this.#note(`The model knows no class ${recipe.class_label}.`);
      recipe.class_label = 'each';
    }
    if (classes === 0) recipe.class_label = null;
    recipe.steps = Math.min(recipe.steps, model.num_train_timesteps);
    forward.timestep = Math.min(forward.timestep, model.num_train_timesteps - 1);
  }

  #receive(message: News): void {
    switch (message.type) {
      case 'download':
        this.download = message.download;
        break;
      case 'device':
        this.device = message.device;
        // A software adapter, for that is where frames have to be copied: begin with little.
        if (message.device.presents === 'copy' && !location.hash.includes('batch=')) {
          this.page.recipe.batch = 1;
        }
        break;
      case 'ready':
        this.model = message.model;
        this.alphasCumprod = message.alphas_cumprod;
        this.#fitToModel(message.model);
        this.#startRun();
        break;
      case 'started':
        if (message.generation !== this.#generation) break;
        this.run = message.run;
        this.saveAddress();
        break;
      case 'frame':
        this.#arrive(message);
        break;
      case 'forward':
        this.forward.facts = message.facts;
        break;
      case 'refused':
        this.#note(message.problem.message);
        if (message.wish === 'run') this.motion = 'rest';
        break;
      case 'failed':
        this.problem = message.problem;
        this.motion = 'rest';
        break;
    }
  }

  #arrive(position: Position): void {
    if (position.generation !== this.#generation) return;
    this.computed = position.computed;
    // Before the first frame was made it is a guess.
    if (position.frame > 0) this.msPerStep = position.ms_per_step;
    if (position.turn !== this.#turn) return;
    this.frame = position.frame;
    this.motion = position.motion;
    if (this.playing) return;
    this.page.frame = position.frame === this.steps ? null : position.frame;
    this.saveAddress();
  }
}
