import { EngineClient } from '../engine/client';
import {
  problemOf,
  type Download,
  type Motion,
  type News,
  type Position,
  type Problem,
  type StartPicture,
  type ThreadName,
} from '../engine/protocol';
import type {
  DeviceFacts,
  ModelFacts,
  Recipe,
  RunFacts,
  Sampler,
  ScheduleFacts,
  Surface,
} from '../engine/types';
import { Address } from './address';
import { MODELS, weightsOf } from './catalogue';
import { engineRoute, recipesOf, type PageRoute } from './forks';
import { Forward } from './forward.svelte';
import { Inspector } from './inspector.svelte';
import { Proof } from './proof.svelte';
import {
  defaultState,
  formatHash,
  moved,
  parseHash,
  type PageRecipe,
  type PageStart,
  type PageState,
  type Station,
} from './page-state';
import { OWN, readModel, type OwnModel } from './own-model';
import { parsePicture, valuesOf } from './picture';
import { Race } from './race.svelte';
import { fittedInterval } from './sampler';
import { Schedules } from './schedules.svelte';
import { Tree, type Branch } from './tree.svelte';
import { fitted, valueNumbers } from './wish';

const NAMES = MODELS.map(({ name }) => name);
const SAMPLINGS = Object.fromEntries(MODELS.map(({ name, sampling }) => [name, sampling]));
/** Long enough for a slider on its way to swallow the values it passes. */
const DEBOUNCE_MS = 150;

/** The state of the page and what can be done with it. The address is a copy of `page`. */
export class Studio {
  page: PageState = $state(parseHash('', NAMES, SAMPLINGS).state);
  notes: string[] = $state([]);

  download: Download | null = $state.raw(null);
  samplers: Sampler[] = $state.raw([]);
  device: DeviceFacts | null = $state.raw(null);
  thread: ThreadName = $state('worker');
  model: ModelFacts | null = $state.raw(null);
  schedule: ScheduleFacts | null = $state.raw(null);
  problem: Problem | null = $state.raw(null);
  /** A model that was dropped on the page. */
  own: OwnModel | null = $state.raw(null);

  run: RunFacts | null = $state.raw(null);
  frame = $state(0);
  computed = $state(0);
  motion: Motion = $state('rest');
  msPerStep = $state(0);
  networkCalls = $state(0);

  readonly forward = new Forward(this);
  readonly tree = new Tree(this);
  readonly inspector = new Inspector(this);
  readonly schedules = new Schedules(this);
  readonly proof = new Proof(this);
  readonly race = new Race(this);
  readonly #address = new Address();
  #client: EngineClient | null = null;
  #generation = 0;
  #turn = 0;
  #pending: ReturnType<typeof setTimeout> | undefined;
  /** A run that waits at x_T for someone to look at it. */
  #unseen = false;
  /** The latest model that was there, to go back to. */
  #opened: Extract<News, { type: 'ready' }> | null = null;
  #ownBefore: OwnModel | null = null;
  /** The class that the recipe's number stood for in the model before. */
  #className: string | null = null;

  /** Steps of the run that is on the canvas (its length: frames go from 0 to this). */
  readonly steps = $derived(this.run?.steps.length ?? this.page.recipe.steps);
  readonly ended = $derived(this.run !== null && this.computed === this.run.steps.length);
  /** What the engine says of the sampler that is chosen. */
  readonly sampler = $derived(this.samplers.find(({ name }) => name === this.page.recipe.sampler));
  readonly playing = $derived(this.motion !== 'rest');
  /** Whether anything is asked for that guidance could amplify. */
  readonly conditioned = $derived.by(() => {
    const { attributes, class_label } = this.page.recipe;
    return attributes ? Object.keys(attributes).length > 0 : class_label !== null;
  });

  start(): void {
    this.#readAddress();
    try {
      if (!isSecureContext) {
        const message = `${location.origin} is neither HTTPS nor localhost.`;
        this.problem = { name: 'InsecureContext', message };
        return;
      }
      this.#client = new EngineClient(this.page.model, (news) => {
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
    if (station === 'forward' && this.page.forward.source === 'sample') this.finish();
    if (station === 'reverse' && this.#unseen) this.replay();
  }

  /** Runs back from x_t of a picture; `null` goes back to runs from noise alone. */
  startFrom(start: PageStart | null): void {
    const { page } = this;
    Object.assign(page, { start, forks: [], focus: 0, frame: null });
    if (start) {
      page.recipe.class_label = this.forward.microscope.label;
      // Without noise on the way every sample would be the same.
      const { eta, s_churn } = page.recipe;
      if (!this.sampler?.stochastic && eta === 0 && s_churn === 0) page.recipe.batch = 1;
      page.forward.sample = Math.min(page.forward.sample, page.recipe.batch - 1);
    }
    if (page.station === 'reverse') {
      this.saveAddress();
    } else {
      page.station = 'reverse';
      this.#address.push($state.snapshot(page));
    }
    clearTimeout(this.#pending);
    this.#startRun();
  }

  /** Computes the rest of the run: the forward process starts from a finished sample. */
  finish(): void {
    if (!this.ended) this.#move('finish');
  }

  /** Ends the run, and opens another model with the same settings. */
  setModel(name: string): void {
    if (name === this.page.model) return;
    const { class_label } = this.page.recipe;
    if (this.model) {
      const names = this.model.class_names ?? [];
      this.#className = typeof class_label === 'number' ? (names[class_label] ?? null) : null;
    }
    this.page.recipe = moved(
      $state.snapshot(this.page.recipe),
      defaultState('', SAMPLINGS[this.page.model]).recipe,
      defaultState('', SAMPLINGS[name]).recipe,
    );
    this.page.model = name;
    this.page.start = null;
    this.page.forks = [];
    this.page.frame = null;
    // Of the picture's own size it is taken over, or seen anew: as text it is of the old model's.
    this.page.forward.picture = '';
    this.#openModel();
  }

  /** Opens a model that was dropped on the page; what was before comes back if it is refused. */
  openOwn(model: OwnModel): void {
    this.#ownBefore = this.own;
    this.own = model;
    this.page.model = OWN;
    this.page.start = null;
    this.page.forks = [];
    this.page.frame = null;
    this.page.forward.picture = '';
    this.#openModel();
  }

  /** A folder's files, as a file field hands them out. */
  async openFiles(files: File[]): Promise<void> {
    try {
      const found = files.map((file) => ({ path: file.webkitRelativePath || file.name, file }));
      this.openOwn(await readModel(found));
    } catch (thrown) {
      this.note(problemOf(thrown).message);
    }
  }

  /** What brings back what is shown, anywhere. */
  link(): string {
    return location.origin + location.pathname + formatHash($state.snapshot(this.page));
  }

  /** Only the part that says what to show: a link comes from who knows where. */
  openLink(link: string): void {
    const at = link.indexOf('#');
    if (at >= 0) location.hash = link.slice(at);
  }

  /**
   * Cancels the run at once; the new one starts when the controls have come to rest. On a branch it
   * is the branch that is made anew; another batch is another trunk.
   */
  setRecipe(change: Partial<PageRecipe>): void {
    const { page } = this;
    if (change.batch !== undefined && change.batch !== page.recipe.batch) page.forks = [];
    Object.assign(page.recipe, change);
    const last = page.recipe.batch - 1;
    page.forward.sample = Math.min(page.forward.sample, last);
    page.focus = Math.min(page.focus, last);
    this.#rerunSoon();
  }

  /** The noise of the branch that is shown: 0 is the trunk's. */
  setNoise(noise: number): void {
    const fork = this.page.forks.at(-1);
    if (!fork) return;
    fork.noise = noise;
    this.#rerunSoon();
  }

  #rerunSoon(): void {
    this.page.frame = null;
    this.#generation++;
    this.#move('rest');
    this.saveAddress();
    clearTimeout(this.#pending);
    this.#pending = setTimeout(() => {
      this.#rerun();
    }, DEBOUNCE_MS);
  }

  /** Leaves the path at the frame that is shown. */
  fork(change: Partial<PageRecipe> = {}, noise = 0, spread: number | null = null): void {
    const { page, frame: at, run } = this;
    if (!run || at >= this.steps) return;
    // In the past of a fork, it is its parent that is left.
    const forks = page.forks.filter((fork) => fork.at < at);
    const from = page.forks[forks.length]?.from ?? page.recipe;
    page.forks = [...forks, { at, spread, noise, from: $state.snapshot(from) }];
    page.recipe = { ...$state.snapshot(page.recipe), ...change };
    if (spread !== null) page.focus = 0;
    this.#branch(run.branch, null);
  }

  /** Sixteen ways on from the sample in focus, by fresh noise in every step. */
  fan(): void {
    const { recipe, focus } = this.page;
    const stochastic = this.sampler?.stochastic ?? false;
    const classes = this.model?.class_names?.length ?? 1;
    this.fork(
      {
        batch: 16,
        ...(stochastic ? {} : { sampler: 'ddim', eta: 1 }),
        class_label: recipe.class_label === 'each' ? focus % classes : recipe.class_label,
      },
      1,
      focus,
    );
  }

  /** Shows another branch, at a frame of its path. */
  select(branch: Branch, frame = this.frame): void {
    if (branch.number === this.run?.branch) {
      this.seek(frame);
      return;
    }
    this.#takeRoute(branch.route);
    this.motion = 'rest';
    const generation = ++this.#generation;
    this.#post({ type: 'select', generation, branch: branch.number, frame });
  }

  /** Closes a branch and those that left it. */
  close(branch: Branch): void {
    const isShown = (number: number | undefined): boolean => {
      const shown = this.tree.branches.find((one) => one.number === number);
      return (
        shown?.number === branch.number || (shown?.origin ? isShown(shown.origin.branch) : false)
      );
    };
    const parent = this.tree.branches.find(({ number }) => number === branch.origin?.branch);
    if (parent && isShown(this.run?.branch)) this.#takeRoute(parent.route);
    this.#post({ type: 'close', generation: ++this.#generation, branch: branch.number });
  }

  /** Opens a race with these, or closes it. */
  setRace(race: PageState['race']): void {
    this.page.race = race;
    this.saveAddress();
  }

  pause(): void {
    if (this.playing) this.#move('rest');
  }

  /** The sample that numbers and filmstrip are of. */
  setFocus(focus: number): void {
    if (focus === this.page.focus) return;
    this.page.focus = focus;
    this.tree.forget();
    this.saveAddress();
  }

  #takeRoute(route: PageRoute): void {
    Object.assign(this.page, $state.snapshot(route));
    this.page.focus = Math.min(this.page.focus, this.page.recipe.batch - 1);
    clearTimeout(this.#pending);
  }

  #branch(branch: number, replaces: number | null): void {
    const { page } = this;
    const fork = page.forks.at(-1);
    if (!this.model || !fork) return;
    const { at, spread, noise } = fork;
    if (replaces !== null) this.tree.forget(replaces);
    this.motion = this.#motionOfPlay();
    this.page.frame = null;
    this.#post({
      type: 'fork',
      generation: ++this.#generation,
      branch,
      replaces,
      fork: { at, spread, noise, recipe: this.translated($state.snapshot(page.recipe)) },
      motion: this.motion,
    });
  }

  #rerun(): void {
    const { run } = this;
    if (run?.origin && this.page.forks.length > 0) this.#branch(run.origin.branch, run.branch);
    else this.#startRun();
  }

  #post(message: Parameters<EngineClient['post']>[0]): void {
    this.#client?.post(message);
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
    if (motion !== 'rest') this.#unseen = false;
    this.motion = motion;
    this.#client?.post({ type: 'move', turn: ++this.#turn, motion });
  }

  /** Who asked for less motion sees the result, not the way to it. */
  #motionOfPlay(): Motion {
    return matchMedia('(prefers-reduced-motion: reduce)').matches ? 'finish' : 'play';
  }

  /** A drawing needs no sample, and on a slow device would have to wait for it. */
  #motionOfForward(): Motion {
    return this.page.forward.source === 'sample' ? 'finish' : 'rest';
  }

  #motionAt(station: Station): Motion {
    if (station === 'forward') return this.#motionOfForward();
    if (station === 'schedules') return this.schedules.image ? 'rest' : 'finish';
    return this.#motionOfPlay();
  }

  #readAddress(): void {
    const { state, notes } = parseHash(location.hash, NAMES, SAMPLINGS);
    const weights = weightsOf(state.model);
    if (state.weights && weights && state.weights !== weights) {
      notes.push(
        'The model was trained anew after this link was made: its pictures are others now.',
      );
    }
    this.page = { ...state, weights };
    this.notes = notes;
  }

  #openModel(): void {
    this.#generation++;
    clearTimeout(this.#pending);
    const { model } = this.page;
    const files = model === OWN ? this.own?.files : undefined;
    this.page.weights = weightsOf(model);
    this.#client?.post({ type: 'model', model, ...(files && { files }) });
    this.model = this.run = this.download = null;
    this.frame = this.computed = this.msPerStep = 0;
    this.motion = 'rest';
    this.forward.clear();
    this.tree.clear();
    this.inspector.clear();
    this.schedules.clear();
    this.proof.clear();
    this.race.clear();
  }

  #useModel(opened: Extract<News, { type: 'ready' }>): void {
    this.#opened = opened;
    this.model = opened.model;
    this.schedule = opened.schedule;
    this.#fitToModel(opened.model);
    this.#startRun();
  }

  /** Back, forward, or another link in the same tab: only another recipe is another run. */
  #followAddress(): void {
    const route = () => JSON.stringify([this.page.recipe, this.page.start, this.page.forks]);
    const before = route();
    const { model } = this.page;
    this.#readAddress();
    this.#className = null;
    if (this.page.model !== model) this.#openModel();
    if (!this.model) return;
    this.#fitToModel(this.model);
    if (route() !== before) this.#startRun();
    else this.seek(this.page.frame ?? this.steps);
  }

  #startRun(): void {
    if (!this.model) return;
    const { recipe, forks, start, frame, station } = $state.snapshot(this.page);
    const motion = this.#motionAt(station);
    this.#unseen = station === 'schedules' && motion === 'rest';
    this.computed = this.frame = this.networkCalls = 0;
    this.motion = motion;
    this.tree.clear();
    this.inspector.clear();
    this.#client?.post({
      type: 'run',
      generation: ++this.#generation,
      route: engineRoute({ recipe, forks }, start && this.#startPicture(start), (one) =>
        this.translated(one),
      ),
      motion,
      stop_at: station === 'reverse' ? frame : null,
    });
  }

  #startPicture({ picture, timestep, noise_seed }: PageStart): StartPicture | null {
    const read = this.model && parsePicture(picture, this.forward.size);
    if (read) return { values: valuesOf(read), timestep, noise_seed };
    this.note('The picture that the link starts from is damaged, or was made for another model.');
    this.page.start = null;
    return null;
  }

  /** The recipe of what is shown, in the engine's words. */
  engineRecipe(): Recipe {
    return this.translated($state.snapshot(this.page.recipe));
  }

  /** In the engine's words: values by their numbers. */
  translated(recipe: PageRecipe): Recipe {
    const { attributes } = recipe;
    const known = this.model?.attributes ?? [];
    return { ...recipe, attributes: attributes && valueNumbers(known, attributes) };
  }

  note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text);
  }

  #fitToModel(model: ModelFacts): void {
    const { page } = this;
    for (const recipe of recipesOf(page)) this.#fitRecipe(recipe, model);
    this.#className = null;
    page.forward.timestep = Math.min(page.forward.timestep, model.num_train_timesteps - 1);
    if (!this.forward.fit()) {
      this.note('The picture of the link is damaged, or was made for another model.');
    }
  }

  #fitRecipe(recipe: PageRecipe, model: ModelFacts): void {
    if (model.attributes.length > 0) {
      const { kept, dropped } = fitted(model.attributes, recipe.attributes ?? {});
      for (const [name, value] of dropped) this.note(`The model knows no ${value} ${name}.`);
      recipe.attributes = kept;
      recipe.class_label = null;
    } else {
      this.#fitClass(recipe, model.class_names ?? []);
    }
    this.#fitSampler(recipe);
    recipe.steps = Math.min(recipe.steps, model.num_train_timesteps);
    recipe.guidance_interval = fittedInterval(
      recipe.guidance_interval,
      model.num_train_timesteps - 1,
    );
  }

  #fitSampler(recipe: PageRecipe): void {
    const known = this.samplers.some(({ name }) => name === recipe.sampler);
    if (this.samplers.length === 0 || known) return;
    this.note(`There is no sampler “${recipe.sampler}”.`);
    recipe.sampler = defaultState('').recipe.sampler;
  }

  #fitClass(recipe: PageRecipe, names: string[]): void {
    // From a model of attributes no class can come.
    if (recipe.attributes) recipe.class_label = 'each';
    recipe.attributes = null;
    if (this.#className !== null) {
      const at = names.indexOf(this.#className);
      recipe.class_label = at < 0 ? 'each' : at;
    } else if (typeof recipe.class_label === 'number' && recipe.class_label >= names.length) {
      this.note(`The model knows no class ${recipe.class_label}.`);
      recipe.class_label = 'each';
    }
    if (names.length === 0) recipe.class_label = null;
  }

  #receive(message: News): void {
    switch (message.type) {
      case 'download':
        this.download = message.download;
        break;
      case 'samplers':
        this.samplers = message.samplers;
        for (const recipe of recipesOf(this.page)) this.#fitSampler(recipe);
        break;
      case 'device':
        this.device = message.device;
        this.thread = message.thread;
        // A software adapter, for that is where frames have to be copied: begin with little.
        if (message.device.presents === 'copy' && !location.hash.includes('batch=')) {
          this.page.recipe.batch = 1;
        }
        break;
      case 'ready':
        this.#ownBefore = this.own;
        if (message.name === this.page.model) this.#useModel(message);
        break;
      case 'started':
        if (message.generation !== this.#generation) break;
        this.#enter(message.run);
        // Its picture has taken the place of the one that the forward process has.
        if (this.page.start) this.forward.resend();
        break;
      case 'frame':
        this.#arrive(message);
        break;
      case 'forward':
        this.forward.facts = message.facts;
        break;
      case 'race':
        this.race.receive(message.id, message.news);
        break;
      case 'recovered':
        this.note(
          'The graphics device was lost. Another one computes the run again, to where it was.',
        );
        this.forward.resend();
        break;
      case 'refused':
        if (message.wish === 'race') this.race.refuse(message.problem.message);
        else this.note(message.problem.message);
        if (message.wish === 'run') this.motion = 'rest';
        if (message.wish === 'model' && this.#opened) {
          this.own = this.#ownBefore;
          this.page.model = this.#opened.name;
          this.page.weights = weightsOf(this.page.model);
          this.#className = null;
          this.#useModel(this.#opened);
        }
        break;
      case 'failed':
        this.problem = message.problem;
        this.motion = 'rest';
        break;
    }
  }

  #enter(run: RunFacts): void {
    this.run = run;
    this.computed = run.computed;
    const { page } = this;
    // Where frames are sparse, a fork leaves at the kept one before.
    const fork = page.forks.at(-1);
    const arrived = recipesOf(page).length - 1 === this.tree.depthOf(run);
    if (fork && run.origin && arrived) fork.at = run.origin.at;
    this.tree.enter(run, $state.snapshot({ recipe: page.recipe, forks: page.forks }));
    this.saveAddress();
  }

  #arrive(position: Position): void {
    if (position.generation !== this.#generation) return;
    this.computed = position.computed;
    this.networkCalls = position.network_calls;
    // Before the first frame was made it is a guess.
    if (position.frame > 0) this.msPerStep = position.ms_per_step;
    if (position.turn !== this.#turn) return;
    this.frame = position.frame;
    this.motion = position.motion;
    if (this.playing || this.#unseen) return;
    if (this.computed > 0) this.proof.expectGolden();
    this.page.frame = position.frame === this.steps ? null : position.frame;
    this.saveAddress();
  }
}
