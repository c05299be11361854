import { expect, test } from 'vitest';
import { Faults } from './link-faults';

test('all of a link that means nothing is told in one note, which grows', () => {
  const faults = new Faults();
  faults.begin();
  let notes = faults.tell(['steps “lots”'], ['Retrained.']);
  expect(notes).toEqual(['This part of the link means nothing here: steps “lots”.', 'Retrained.']);
  notes = faults.tell(['class 77', 'class 77', 'steps “lots”'], notes);
  notes = faults.tell([], notes);
  expect(notes).toEqual([
    'These parts of the link mean nothing here: steps “lots”, class 77.',
    'Retrained.',
  ]);
});

test('a note that was closed comes back whole with what is found later', () => {
  const faults = new Faults();
  faults.begin();
  faults.tell(['steps “lots”'], []);
  expect(faults.tell(['class 77'], [])).toEqual([
    'These parts of the link mean nothing here: steps “lots”, class 77.',
  ]);
});

test('what another model does not know is no fault of a link', () => {
  const faults = new Faults();
  faults.begin();
  faults.end();
  const notes = faults.tell(['mauve hair'], []);
  expect(faults.tell(['mauve hair'], notes)).toEqual(['The model knows no mauve hair.']);
});
