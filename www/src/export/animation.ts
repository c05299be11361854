/** A run takes about so long, and stands on its end for a while. */
const PLAY_MS = 4000;
const SHORTEST_MS = 20;
const LONGEST_MS = 200;
export const STAND_MS = 1500;
const MOST_FRAMES = 100;
/** Behind what a picture leaves clear. */
export const GROUND = [51, 51, 51] as const;

/** Which of a run's frames an animation shows: all, or of a long run as many as are worth it. */
export function framesToShow(steps: number): number[] {
  const last = Math.min(steps, MOST_FRAMES - 1);
  return Array.from({ length: last + 1 }, (_, at) => Math.round((at * steps) / Math.max(last, 1)));
}

/** How long each but the last is shown. */
export const msOfEach = (count: number) =>
  Math.min(Math.max(PLAY_MS / count, SHORTEST_MS), LONGEST_MS);
