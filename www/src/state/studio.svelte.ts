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
import { weightsOf } from './catalogue';
import { Branching } from './branching.svelte';
import { fitRecipe, fitSampler } from './fit';
import { enginePreference, keepTrial } from './engine-choice';
import { engineRoute, recipesOf, type PageRoute } from './forks';
import { Forward } from './forward.svelte';
import { Inspector } from './inspector.svelte';
import { Faults } from './link-faults';
import { NAMES, readLink, SAMPLINGS } from './link-reading';
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
import { Wishes } from './wishes';
import { valueNumbers } from './wish';

/** Long enough for a slider on its way to swallow the values it passes. */
const DEBOUNCE_MS = 150;

/** What comes back if a model is refused. */
type Before = Pick<PageState, 'recipe' | 'start' | 'forks' | 'focus' | 'frame'> & {
  own: OwnModel | null;
  picture: string;
};

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
  /** What was shown of it, while another one is on its way. */
  #before: Before | null = null;
  readonly #wishes = new Wishes();
  /** Of the address, as it was read. */
  #read = '';
  readonly #faults = new Faults();
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
    const tellVisibility = () => {
      this.post({ type: 'visible', visible: !document.hidden });
    };
    tellVisibility();
    document.addEventListener('visibilitychange', tellVisibility);
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
    this.#keepBefore();
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
    this.#keepBefore();
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

  /** What brings back what is shown, anywhere: in Reverse, at this frame. */
  link(at?: number): string {
    const page = $state.snapshot(this.page);
    const frame = page.station === 'reverse' ? this.playback.stopAt(at) : page.frame;
    return location.origin + location.pathname + formatHash({ ...page, frame });
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
    this.#rerun();
  }

  #rerun(): void {
    this.#pending = setTimeout(() => {
      // On a branch: which one is to be made anew has to be known.
      if (this.#wishes.awaited && this.page.forks.length > 0) this.#rerun();
      else if (!this.branching.remake()) this.#startRun();
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

  /** Asks the engine for the branch that the page is on. Returns the wish's number. */
  wish(): number {
    const generation = this.supersede();
    this.#wishes.ask(generation, this.#route);
    return generation;
  }

  get #route(): PageRoute {
    const { recipe, forks } = this.page;
    return $state.snapshot({ recipe, forks });
  }

  /** A change of the recipe that waits is part of what is asked for now. */
  cancelRerun(): void {
    clearTimeout(this.#pending);
  }

  saveAddress(): void {
    this.#address.write($state.snapshot(this.page));
  }

  #readAddress(): void {
    this.#address.forget();
    this.#read = location.hash;
    const here = { own: this.own !== null, software: this.device?.software ?? false };
    const { page, notes, faults } = readLink(this.#read, history.state, here);
    Object.assign(this, { page, notes });
    this.#faults.begin();
    this.#miss(faults);
  }

  #miss(parts: string[]): void {
    this.notes = this.#faults.tell(parts, this.notes);
  }

  /** What to go back to: the page as it was with the latest model that was there. */
  #keepBefore(): void {
    this.#faults.end();
    if (!this.model) return;
    const { recipe, start, forks, focus, frame, forward } = $state.snapshot(this.page);
    this.#before = { recipe, start, forks, focus, frame, own: this.own, picture: forward.picture };
  }

  #openModel(): void {
    this.supersede();
    this.#wishes.clear();
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
    const { model, focus } = this.page;
    this.#keepBefore();
    this.#readAddress();
    this.#className = null;
    if (this.page.model !== model) this.#openModel();
    if (!this.model) return;
    this.#fitToModel(this.model);
    if (this.page.focus !== focus) this.tree.forget();
    if (route() !== before) this.#startRun();
    else this.playback.follow();
  }

  #startRun(): void {
    if (!this.model) return;
    const { recipe, forks, start, frame, station } = $state.snapshot(this.page);
    const motion = this.playback.begin(station);
    this.#wishes.clear();
    this.post({
      type: 'run',
      generation: this.wish(),
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
    this.#miss(['a picture to start from that is damaged, or of another model']);
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

  #fitToModel(model: ModelFacts): void {
    const { page } = this;
    for (const recipe of recipesOf(page)) {
      this.#miss(fitRecipe(recipe, model, this.#className));
      this.#miss(fitSampler(recipe, this.samplers));
    }
    this.#className = null;
    page.forward.timestep = Math.min(page.forward.timestep, model.num_train_timesteps - 1);
    if (!this.forward.fit()) this.#miss(['a picture that is damaged, or of another model']);
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
        for (const recipe of recipesOf(this.page)) this.#miss(fitSampler(recipe, this.samplers));
        break;
      case 'tried':
        this.chosen = message.chosen;
        if (message.chosen.trial) keepTrial(message.key, message.chosen.trial);
        break;
      case 'device':
        this.#meetDevice(message);
        break;
      case 'ready':
        this.#before = null;
        if (message.name === this.page.model) this.#useModel(message);
        break;
      case 'started':
        this.#enter(message.generation, message.run);
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
        if (message.wish === 'run') this.#refuseRun(message.generation, message.problem.message);
        else if (message.wish === 'race') this.race.refuse(message.problem.message);
        else this.note(message.problem.message);
        if (message.wish === 'model' && this.#opened) this.#goBackTo(this.#opened);
        break;
      case 'failed':
        this.problem = message.problem;
        this.playback.motion = 'rest';
        break;
    }
  }

  #meetDevice({ device, thread, chosen }: Extract<News, { type: 'device' }>): void {
    const first = this.device === null;
    Object.assign(this, { device, thread, chosen });
    // What the address leaves open is the device's to say.
    if (first && device.software && location.hash === this.#read) this.#readAddress();
  }

  /** A model was refused: what was before comes back. */
  #goBackTo(opened: Extract<News, { type: 'ready' }>): void {
    const { page } = this;
    page.model = opened.name;
    page.weights = weightsOf(page.model);
    if (this.#before) {
      const { own, picture, ...shown } = this.#before;
      this.own = own;
      Object.assign(page, shown);
      page.forward.picture = picture;
    }
    this.#before = this.#className = null;
    this.#useModel(opened);
  }

  #enter(generation: number, run: RunFacts): void {
    const wish = this.#wishes.arrive(generation);
    if (wish === undefined) return;
    if (wish !== null) this.#leaveBefore(run);
    this.run = run;
    this.playback.computed = run.computed;
    this.tree.enter(run, wish);
    if (generation !== this.#generation) return;
    const { page, tree } = this;
    const { forks = [] } = tree.current?.route ?? {};
    if (wish === null) this.branching.takeBack();
    else if (forks.length === page.forks.length) page.forks = $state.snapshot(forks);
    // Its picture has taken the place of the one that the forward process has.
    if (page.start) this.forward.resend();
    this.saveAddress();
  }

  /** What was asked for is there: what was said against the last wish goes, and with another trunk all. */
  #leaveBefore(run: RunFacts): void {
    if (run.computed === 0 && run.branches.length === 1) {
      this.tree.clear();
      this.inspector.clear();
    }
    this.#withdraw();
  }

  #refuseRun(generation: number, message: string): void {
    this.#withdraw();
    this.#refusal = message;
    this.note(message);
    this.#wishes.refuse(generation);
    if (generation !== this.#generation) return;
    this.playback.motion = 'rest';
    this.branching.takeBack();
  }

  /** Another run is there, or another reason why there is none. */
  #withdraw(): void {
    this.notes = this.notes.filter((note) => note !== this.#refusal);
    this.#refusal = null;
  }

  #arrive(position: Position): void {
    if (position.generation !== this.#generation || !this.playback.arrive(position)) return;
    if (!this.run) return;
    const { computed } = this.playback;
    if (computed > 0) this.proof.expectGolden();
    this.page.frame = this.playback.stopAt();
    this.saveAddress();
  }
}
