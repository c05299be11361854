import { withBesideLink } from './beside-link';
import { MODELS, weightsOf } from './catalogue';
import { NOT_KEPT, OWN } from './own-model';
import { parseHash, type PageState, type Sampling } from './page-state';

export const NAMES = MODELS.map(({ name }) => name);
export const SAMPLINGS = Object.fromEntries(MODELS.map(({ name, sampling }) => [name, sampling]));
/** Where there is no graphics processor a run begins with little. */
const FEW: Sampling = { batch: 1 };
const RETRAINED =
  'The model was trained anew after this link was made: its pictures are others now.';

export interface Reading {
  page: PageState;
  notes: string[];
  /** What means nothing in the link. */
  faults: string[];
}

/** The page that a link means here, with what the browser's history kept beside it. */
export function readLink(
  hash: string,
  kept: unknown,
  here: { own: boolean; software: boolean },
): Reading {
  const always = here.software ? FEW : {};
  const { state, faults } = parseHash(hash, [...NAMES, OWN], SAMPLINGS, always);
  const notes: string[] = [];
  if (state.model === OWN && !here.own) {
    state.model = NAMES[0] ?? '';
    notes.push(NOT_KEPT);
  }
  const weights = weightsOf(state.model);
  if (state.weights && weights && state.weights !== weights) notes.push(RETRAINED);
  return { page: { ...withBesideLink(state, kept), weights }, notes, faults };
}
