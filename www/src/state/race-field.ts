import type { Entrant, LeftOut, RaceField } from '../engine/types';

/** Who is in a race, and who is not, by name. */
export interface Entered {
  entrants: (Entrant & { name: string })[];
  left_out: (LeftOut & { name: string })[];
}

export function entered({ entrants, left_out }: RaceField, names: readonly string[]): Entered {
  const named = <Of extends { recipe: number }>(one: Of) => ({
    ...one,
    name: names[one.recipe] ?? '',
  });
  return { entrants: entrants.map(named), left_out: left_out.map(named) };
}

/** Why not all of those who were asked for are in the race; `null` if they are. */
export function leftOutNote(
  { entrants, left_out }: Entered,
  calls: number,
  title: (name: string) => string,
): string | null {
  if (left_out.length === 0) return null;
  const who = left_out.map(({ name, least_calls, reason }) =>
    least_calls === null
      ? `${title(name)} (${reason})`
      : `${title(name)} needs ${least_calls} calls`,
  );
  return entrants.length > 0
    ? `Left out: ${who.join(', ')}.`
    : `None of these can do with ${calls}: ${who.join(', ')}.`;
}
