import type { PageStart, PageState } from './page-state';
import { isShort } from './picture';

/** What a link has no room for. The browser's history keeps it beside the address. */
export interface BesideLink {
  start: PageStart | null;
  picture: string;
}

/** Firefox takes 16 MiB with an entry of its history; there may be two pictures. */
const MOST_LETTERS = 6_000_000;
const NOTHING: BesideLink = { start: null, picture: '' };

const isKept = (picture: string) => !isShort(picture) && picture.length <= MOST_LETTERS;

export function besideLink({ station, start, forward }: PageState): BesideLink {
  const { source, picture } = forward;
  const shown = station === 'forward' && source !== 'sample';
  return {
    start: start && isKept(start.picture) ? start : null,
    picture: shown && isKept(picture) ? picture : '',
  };
}

/** Brings back what was kept beside a link; `kept` is whatever the history holds. */
export function withBesideLink(state: PageState, kept: unknown): PageState {
  const { start, picture } = { ...NOTHING, ...(kept as Partial<BesideLink> | null) };
  return {
    ...state,
    start: state.start ?? start,
    forward: { ...state.forward, picture: state.forward.picture || picture },
  };
}
