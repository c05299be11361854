import { describe, expect, it } from 'vitest';
import { moved, movedNote } from './moved';
import { defaultState } from './page-state';

const small = defaultState('small').recipe;
const large = defaultState('large', { eta: 1 }).recipe;

describe('a recipe for another model', () => {
  it('takes what was changed, and no more', () => {
    expect(moved({ ...small, steps: 20 }, small, large)).toEqual({ ...large, steps: 20 });
    expect(moved({ ...small, eta: 0.5 }, small, large).eta).toBe(0.5);
    expect(moved(large, large, small)).toEqual(small);
  });

  it('says what has changed without being asked for', () => {
    expect(movedNote(small, moved(small, small, large), 'large')).toBe(
      'large starts otherwise: η is 1, and was 0.',
    );
    expect(movedNote(small, { ...large, steps: 20 }, 'large')).toBe(
      'large starts otherwise: the number of steps is 20, and was 50; η is 1, and was 0.',
    );
  });

  it('says nothing where what was chosen stays', () => {
    const chosen = { ...small, eta: 0.5 };
    expect(movedNote(chosen, moved(chosen, small, large), 'large')).toBeNull();
  });
});
