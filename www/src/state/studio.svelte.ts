import { EngineClient } from '../engine/client';
import {
  problemOf,
  type Chosen,
  type Opening,
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
import { Branching } from './branching.svelte';
import { fitRecipe, fitSampler } from './fit';
import { enginePreference, keepTrial } from './engine-choice';
import { engineRoute, recipesOf } from './forks';
import { Forward } from './forward.svelte';
import { Inspector } from './inspector.svelte';
import { Proof } from './proof.svelte';
import {
  defaultState,
  formatHash,
  parseHash,
  type PageRecipe,
  type PageStart,
  type PageState,
  type Station,
} from './page-state';
import { moved, movedNote } from './moved';
import { OWN, readModel, type OwnModel } from './own-model';
import { parsePicture, valuesOf } from './picture';
import { Playback } from './playback.svelte';
import { Race } from './race.svelte';
import { Schedules } from './schedules.svelte';
import { Tree } from './tree.svelte';
import { valueNumbers } from './wish';

const NAMES = MODELS.map(({ name }) => name);
const SAMPLINGS = Object.fromEntries(MODELS.map(({ name, sampling }) => [name, sampling]));
/** Long enough for a slider on its way to swallow the values it passes. */
const DEBOUNCE_MS = 150;

/** The state of the page and what can be done with it. The address is a copy of `page`. */
export class Studio {
  page: PageState = $state(parseHash('', NAMES, SAMPLINGS).state);
  notes: string[] = $state([]);

  opening: Opening = $state({ download: null, shaders: null });
  samplers: Sampler[] = $state.raw([]);
  device: DeviceFacts | null = $state.raw(null);
  chosen: Chosen | null = $state.raw(null);
  thread: ThreadName = $state('worker');
  model: ModelFacts | null = $state.raw(null);
  schedule: ScheduleFacts | null = $state.raw(null);
  problem: Problem | null = $state.raw(null);
  /** A model that was dropped on the page. */
  own: OwnModel | null = $state.raw(null);

  run: RunFacts | null = $state.raw(null);

  readonly playback = new Playback(this);
  readonly branching = new Branching(this);
  readonly forward = new Forward(this);
  readonly tree = new Tree(this);
  readonly inspector = new Inspector(this);
  readonly schedules = new Schedules(this);
  readonly proof = new Proof(this);
  readonly race = new Race(this);
  readonly #address = new Address();
  #client: EngineClient | null = null;
  #generation = 0;
  #pending: ReturnType<typeof setTimeout> | undefined;
  /** The latest model that was there, to go back to. */
  #opened: Extract<News, { type: 'ready' }> | null = null;
  #ownBefore: OwnModel | null = null;
  /** Why the last run that was asked for is not there. */
  #refusal: string | null = null;
  /** What the last change of the model changed besides. */
  #moved: string | null = null;
  /** The class that the recipe's number stood for in the model before. */
  #className: string | null = null;

  /** What the engine says of the sampler that is chosen. */
  readonly sampler = $derived(this.samplers.find(({ name }) => name === this.page.recipe.sampler));
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
      this.#client = new EngineClient(this.page.model, enginePreference(), (news) => {
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
    if (station === 'forward' && this.page.forward.source === 'sample') this.playback.finish();
    if (station === 'reverse') this.playback.look();
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
    this.cancelRerun();
    this.#startRun();
  }

  /** Ends the run, and opens another model with the same settings. */
  setModel(name: string): void {
    if (name === this.page.model) return;
    const { class_label } = this.page.recipe;
    if (this.model) {
      const names = this.model.class_names ?? [];
      this.#className = typeof class_label === 'number' ? (names[class_label] ?? null) : null;
    }
    const before = $state.snapshot(this.page.recipe);
    this.page.recipe = moved(
      before,
      defaultState('', SAMPLINGS[this.page.model]).recipe,
      defaultState('', SAMPLINGS[name]).recipe,
    );
    this.#tellMoved(movedNote(before, this.page.recipe, name));
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
    this.rerunSoon();
  }

  rerunSoon(): void {
    this.page.frame = null;
    this.supersede();
    this.playback.move('rest');
    this.saveAddress();
    this.cancelRerun();
    this.#pending = setTimeout(() => {
      if (!this.branching.remake()) this.#startRun();
    }, DEBOUNCE_MS);
  }

  /** Opens a race with these, or closes it. */
  setRace(race: PageState['race']): void {
    this.page.race = race;
    this.saveAddress();
  }

  /** The sample that numbers and filmstrip are of. */
  setFocus(focus: number): void {
    if (focus === this.page.focus) return;
    this.page.focus = focus;
    this.tree.forget();
    this.saveAddress();
  }

  post(message: Parameters<EngineClient['post']>[0]): void {
    this.#client?.post(message);
  }

  /** What is on its way from the engine is of no use any more. Returns the number of what comes. */
  supersede(): number {
    return ++this.#generation;
  }

  /** A change of the recipe that waits is part of what is asked for now. */
  cancelRerun(): void {
    clearTimeout(this.#pending);
  }

  saveAddress(): void {
    this.#address.write($state.snapshot(this.page));
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
    this.supersede();
    this.cancelRerun();
    const { model } = this.page;
    const files = model === OWN ? this.own?.files : undefined;
    this.page.weights = weightsOf(model);
    this.post({ type: 'model', model, ...(files && { files }) });
    this.model = this.run = null;
    this.opening = { download: null, shaders: null };
    this.playback.clear();
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
    else this.playback.seek(this.page.frame ?? this.playback.steps);
  }

  #startRun(): void {
    if (!this.model) return;
    const { recipe, forks, start, frame, station } = $state.snapshot(this.page);
    const motion = this.playback.begin(station);
    this.post({
      type: 'run',
      generation: this.supersede(),
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

  /** In the place of what was said of the model before. */
  #tellMoved(text: string | null): void {
    this.notes = this.notes.filter((note) => note !== this.#moved);
    this.#moved = text;
    if (text) this.note(text);
  }

  #note(notes: string[]): void {
    for (const text of notes) this.note(text);
  }

  #fitToModel(model: ModelFacts): void {
    const { page } = this;
    for (const recipe of recipesOf(page)) {
      this.#note(fitRecipe(recipe, model, this.#className));
      this.#note(fitSampler(recipe, this.samplers));
    }
    this.#className = null;
    page.forward.timestep = Math.min(page.forward.timestep, model.num_train_timesteps - 1);
    if (!this.forward.fit()) {
      this.note('The picture of the link is damaged, or was made for another model.');
    }
  }

  #receive(message: News): void {
    switch (message.type) {
      case 'download':
        this.opening.download = message.download;
        break;
      case 'shaders':
        this.opening.shaders = message.shaders;
        break;
      case 'samplers':
        this.samplers = message.samplers;
        for (const recipe of recipesOf(this.page)) this.#note(fitSampler(recipe, this.samplers));
        break;
      case 'tried':
        this.chosen = message.chosen;
        if (message.chosen.trial) keepTrial(message.key, message.chosen.trial);
        break;
      case 'device':
        this.device = message.device;
        this.thread = message.thread;
        this.chosen = message.chosen;
        // Begin with little where there is no graphics processor.
        if (message.device.software && !location.hash.includes('batch=')) {
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
        if (message.wish === 'run') this.#refuseRun(message.problem.message);
        else if (message.wish === 'race') this.race.refuse(message.problem.message);
        else this.note(message.problem.message);
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
        this.playback.motion = 'rest';
        break;
    }
  }

  #enter(run: RunFacts): void {
    // Another trunk: there is nothing left of the one before, nor of what was said against it.
    if (run.computed === 0 && run.branches.length === 1) {
      this.tree.clear();
      this.inspector.clear();
    }
    this.#withdraw();
    this.run = run;
    this.playback.computed = run.computed;
    const { page } = this;
    // Where frames are sparse, a fork leaves at the kept one before.
    const fork = page.forks.at(-1);
    const arrived = recipesOf(page).length - 1 === this.tree.depthOf(run);
    if (fork && run.origin && arrived) fork.at = run.origin.at;
    this.tree.enter(run, $state.snapshot({ recipe: page.recipe, forks: page.forks }));
    this.saveAddress();
  }

  #refuseRun(message: string): void {
    this.#withdraw();
    this.#refusal = message;
    this.note(message);
    this.playback.motion = 'rest';
  }

  /** Another run is there, or another reason why there is none. */
  #withdraw(): void {
    this.notes = this.notes.filter((note) => note !== this.#refusal);
    this.#refusal = null;
  }

  #arrive(position: Position): void {
    if (position.generation !== this.#generation || !this.playback.arrive(position)) return;
    if (!this.run) return;
    const { computed, steps } = this.playback;
    if (computed > 0) this.proof.expectGolden();
    this.page.frame = position.frame === steps ? null : position.frame;
    this.saveAddress();
  }
}
