import { describe, expect, it } from 'vitest';
import { choicesText, chosen, fitted, parseChoices, surprise, valueNumbers } from './wish';

const attributes = [
  { name: 'skin', title: 'Skin', values: ['light', 'dark-elf'] },
  { name: 'hair', title: 'Hair', values: ['none', 'pink', 'blue'] },
  { name: 'hat', title: 'Hat', values: ['crown'] },
];

describe('choices of attributes', () => {
  it('become numbers, and null where free', () => {
    expect(valueNumbers(attributes, { hair: 'blue', skin: 'dark-elf' })).toEqual([1, 2, null]);
    expect(valueNumbers(attributes, {})).toEqual([null, null, null]);
  });

  it('are kept where the model knows them, in its order', () => {
    const { kept, dropped } = fitted(attributes, { hair: 'pink', wings: 'bat', skin: 'light' });
    expect(Object.entries(kept)).toEqual([
      ['skin', 'light'],
      ['hair', 'pink'],
    ]);
    expect(dropped).toEqual([['wings', 'bat']]);
    expect(fitted(attributes, { hair: 'mauve' })).toEqual({
      kept: {},
      dropped: [['hair', 'mauve']],
    });
  });

  it('change one by one', () => {
    const one = chosen({}, 'hair', 'pink');
    expect(chosen(one, 'skin', 'light')).toEqual({ hair: 'pink', skin: 'light' });
    expect(chosen(one, 'hair', null)).toEqual({});
  });

  it('can be a surprise, of every attribute', () => {
    expect(surprise(attributes, () => 0.999)).toEqual({
      skin: 'dark-elf',
      hair: 'blue',
      hat: 'crown',
    });
  });

  it.each([{}, { skin: 'dark-elf' }, { skin: 'light', hair: 'pink' }])(
    'are a text in the link: %o',
    (choices) => {
      expect(parseChoices(choicesText(choices))).toEqual(choices);
    },
  );

  it.each(['', 'skin', 'skin:', 'skin:Orc', 'skin:orc,', 'skin:a:b'])('%j is none', (text) => {
    expect(parseChoices(text)).toBeUndefined();
  });
});
