import type { Attribute } from '../engine/types';

/** The chosen value of each attribute; those that are not here are free. */
export type Choices = Readonly<Record<string, string>>;

/** What stands in a link where no attribute is chosen. */
const ALL_FREE = 'free';

/** The choices as the engine takes them. */
export function valueNumbers(attributes: Attribute[], choices: Choices): (number | null)[] {
  return attributes.map(({ name, values }) => {
    const at = values.indexOf(choices[name] ?? '');
    return at < 0 ? null : at;
  });
}

/** The choices that this model knows, in its order, and those that it does not. */
export function fitted(attributes: Attribute[], choices: Choices) {
  const known = attributes.flatMap(({ name, values }) => {
    const value = choices[name];
    return value !== undefined && values.includes(value) ? [[name, value] as const] : [];
  });
  const kept: Choices = Object.fromEntries(known);
  const dropped = Object.entries(choices).filter(([name]) => !(name in kept));
  return { kept, dropped };
}

/** Another choice of one attribute; `null` leaves it free. */
export function chosen(choices: Choices, name: string, value: string | null): Choices {
  const others = Object.entries(choices).filter(([other]) => other !== name);
  return Object.fromEntries(value === null ? others : [...others, [name, value]]);
}

/** Any value of every attribute. */
export function surprise(attributes: Attribute[], random = Math.random): Choices {
  const any = (values: string[]) => values[Math.floor(random() * values.length)] ?? '';
  return Object.fromEntries(attributes.map(({ name, values }) => [name, any(values)]));
}

export function choicesText(choices: Choices): string {
  const pairs = Object.entries(choices).map((pair) => pair.join(':'));
  return pairs.join(',') || ALL_FREE;
}

export function parseChoices(text: string): Choices | undefined {
  if (text === ALL_FREE) return {};
  const pairs = text.split(',').map((pair) => /^([a-z0-9-]+):([a-z0-9-]+)$/.exec(pair));
  if (!pairs.every((pair) => pair !== null)) return undefined;
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, value]));
}

/** A name as people read it. */
export const readable = (name: string) => name.replaceAll('-', ' ');
