import type { Engine, RaceField, RaceWish } from './types';

/** Pictures of a race on its way, about so many of each. */
const PICTURES = 40;

type RaceEngine = Pick<Engine, 'race' | 'race_step' | 'race_pictures'>;

/** What is told of a race: `pictures` are the entrants' samples, one after the other. */
export interface RaceNews extends RaceField {
  pictures: Float32Array;
  /** Steps that everyone has made who has as many. */
  steps: number;
  done: boolean;
}

/** Runs a race to its end, or until it is not the current one any more. */
export async function race(
  engine: RaceEngine,
  wish: RaceWish,
  tell: (news: RaceNews) => void,
  isCurrent: () => boolean,
): Promise<void> {
  const field = engine.race(wish);
  if (field.entrants.length === 0) {
    tell({ ...field, pictures: new Float32Array(), steps: 0, done: true });
    return;
  }
  const longest = Math.max(...field.entrants.map((entrant) => entrant.steps));
  const atOnce = Math.ceil(longest / PICTURES);
  let steps = 0;
  for (let going = true; going;) {
    for (let made = 0; made < atOnce && going; made++) {
      going = engine.race_step();
      if (going) steps++;
    }
    // Waiting for the pictures also keeps the queue short.
    const pictures = await engine.race_pictures();
    if (!isCurrent()) return;
    tell({ ...field, pictures, steps, done: !going });
  }
}
