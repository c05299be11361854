import type { ModelFacts } from '../engine/types';

type Credits = Pick<ModelFacts, 'name' | 'licence' | 'credits' | 'artists'>;

/** Licences under which whoever passes a picture on has to say whose it is. */
const ASKS_FOR_CREDIT = /CC[- ]BY/i;

/** The words that have to be seen with a picture; null where the licence asks for none. */
export function creditLine({ name, licence, credits }: Credits): string | null {
  if (!licence || !ASKS_FOR_CREDIT.test(licence)) return null;
  return `Drawn by Reverie's model “${name}”, ${licence}. ${credits ?? ''}`.trim();
}

/** All that is known of whose the picture is, for its text chunk. */
export function copyright({ licence, credits, artists }: Credits): string {
  const list = artists.length > 0 ? `Artists: ${artists.join(', ')}.` : '';
  return [licence, credits, list].filter(Boolean).join('. ').replaceAll('..', '.');
}
