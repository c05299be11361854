import { OWN } from './own-model';
import type { PageState } from './page-state';
import { isShort } from './picture';

/** What a link cannot carry of what is shown; one sentence on each. */
export function linkLimits({ model, start, station, forward }: PageState): string[] {
  const limits: string[] = [];
  if (model === OWN) {
    limits.push('The model is yours alone: the link opens the first of the page’s own.');
  }
  if (start && !isShort(start.picture)) {
    limits.push('The picture that the run starts from is too large for a link, and left out.');
  }
  if (station === 'forward' && forward.source !== 'sample' && !isShort(forward.picture)) {
    limits.push('Your picture is too large for a link, and left out.');
  }
  return limits;
}
