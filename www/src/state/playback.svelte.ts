import type { Motion, Position } from '../engine/protocol';
import type { Station } from './page-state';
import type { Studio } from './studio.svelte';

/** Where the run stands, and how it moves. */
export class Playback {
  frame = $state(0);
  computed = $state(0);
  motion: Motion = $state('rest');
  msPerStep = $state(0);
  networkCalls = $state(0);
  /** A frame that was gone to and is not there yet. */
  wanted: number | null = $state(null);
  readonly #studio: Studio;
  /** Counts what was asked for: news of an earlier wish is late. */
  #turn = 0;
  /** A run that waits at x_T for someone to look at it. */
  #unseen = false;

  constructor(studio: Studio) {
    this.#studio = studio;
  }

  /** Steps of the run that is on the canvas (its length: frames go from 0 to this). */
  readonly steps = $derived.by(
    () => this.#studio.run?.steps.length ?? this.#studio.page.recipe.steps,
  );
  readonly ended = $derived.by(
    () => this.#studio.run !== null && this.computed === this.#studio.run.steps.length,
  );
  readonly playing = $derived(this.motion !== 'rest');

  toggle(): void {
    if (this.playing) this.move('rest');
    else if (this.frame === this.steps) this.replay();
    else this.move(this.motionOfPlay());
  }

  /** From x_T again, over the frames that are kept. */
  replay(): void {
    this.seek(0);
    this.move(this.motionOfPlay());
  }

  /** Plays what nobody has looked at yet. */
  look(): void {
    if (this.#unseen) this.replay();
  }

  pause(): void {
    if (this.playing) this.move('rest');
  }

  /** Computes the rest of the run: the forward process starts from a finished sample. */
  finish(): void {
    if (!this.ended) this.move('finish');
  }

  stepBy(direction: 1 | -1): void {
    if (direction < 0) this.seek(this.frame - 1);
    else this.#studio.post({ type: 'step', turn: ++this.#turn });
  }

  /** Goes to where a link stops; the run is the one that is there. */
  follow(): void {
    const { station, frame, forward } = this.#studio.page;
    if (station === 'forward' && forward.source === 'sample') this.finish();
    else if (frame !== null && frame <= this.computed) this.seek(frame);
    else if (this.ended) this.seek(this.steps);
    // A run that is on its way comes there by itself.
    else if (station === 'reverse') this.move(this.motionOfPlay(), frame);
  }

  /** Where a link to a frame of the run has to stop: nowhere for its end, or for what waits. */
  stopAt(frame = this.frame): number | null {
    return frame === this.steps || this.#unseen ? null : frame;
  }

  seek(frame: number): void {
    this.frame = Math.min(Math.max(frame, 0), this.computed);
    this.wanted = frame > this.computed ? frame : null;
    this.motion = 'rest';
    this.#studio.post({ type: 'show', turn: ++this.#turn, frame: this.frame });
  }

  /** Sets the run in motion, to a frame or to its end; or stops it. */
  move(motion: Motion, stopAt: number | null = null): void {
    if (motion !== 'rest') this.#unseen = false;
    this.wanted = null;
    this.motion = motion;
    this.#studio.post({ type: 'move', turn: ++this.#turn, motion, stop_at: stopAt });
  }

  /** Another model: there is nothing that could move. */
  clear(): void {
    this.frame = this.computed = this.msPerStep = 0;
    this.wanted = null;
    this.motion = 'rest';
  }

  /** Another run begins: at a station where it is not looked at it may wait. */
  begin(station: Station): Motion {
    const motion = this.#motionAt(station);
    this.#unseen = station === 'schedules' && motion === 'rest';
    this.computed = this.frame = this.networkCalls = 0;
    this.wanted = null;
    this.motion = motion;
    return motion;
  }

  /** Who asked for less motion sees the result, not the way to it. */
  motionOfPlay(): Motion {
    return matchMedia('(prefers-reduced-motion: reduce)').matches ? 'finish' : 'play';
  }

  /** Takes a frame's news over. Returns whether the run has come to rest where it can be seen. */
  arrive(position: Position): boolean {
    this.computed = position.computed;
    this.networkCalls = position.network_calls;
    // Before the first frame was made it is a guess.
    if (position.frame > 0) this.msPerStep = position.ms_per_step;
    if (position.turn !== this.#turn) return false;
    this.frame = position.frame;
    this.motion = position.motion;
    return !this.playing && !this.#unseen;
  }

  #motionAt(station: Station): Motion {
    const { page, schedules } = this.#studio;
    // A drawing needs no sample, and on a slow device would have to wait for it.
    if (station === 'forward') return page.forward.source === 'sample' ? 'finish' : 'rest';
    if (station === 'schedules') return schedules.image ? 'rest' : 'finish';
    return this.motionOfPlay();
  }
}
