import type { ModelFacts } from '../engine/types';
import type { PageRecipe } from '../state/page-state';

/** What a program has to know of the model. */
export type Facts = Pick<
  ModelFacts,
  | 'name'
  | 'channels'
  | 'height'
  | 'width'
  | 'class_names'
  | 'null_label'
  | 'attributes'
  | 'scheduler'
>;

/** What is asked of the network, as Python: `labels`, and `free` where guidance needs both. */
export interface Condition {
  kind: 'classes' | 'attributes' | 'none';
  guided: boolean;
  text: string;
}

export function condition(recipe: PageRecipe, model: Facts): Condition {
  if (model.attributes.length > 0) return ofAttributes(recipe, model);
  if (model.class_names) return ofClasses(recipe, model.class_names.length, model.null_label);
  return { kind: 'none', guided: false, text: '' };
}

function ofClasses(recipe: PageRecipe, count: number, free: number | null): Condition {
  const { class_label: label, guidance_scale: scale } = recipe;
  const wished = label !== null && scale !== 0;
  const guided = wished && scale !== 1 && free !== null;
  const all = (label: number | null) => `torch.full((SAMPLES,), ${label ?? 0})`;
  const ofEach = `torch.arange(SAMPLES) % ${count}`;
  const labels = wished ? (label === 'each' ? ofEach : all(label)) : all(free);
  const text = [`labels = ${labels}`];
  if (guided) text.push(`free = ${all(free)}  # the class of no class`);
  return { kind: 'classes', guided, text: text.join('\n') };
}

function ofAttributes(recipe: PageRecipe, model: Facts): Condition {
  const wish = recipe.guidance_scale === 0 ? [] : wishRows(recipe, model);
  const guided = wish.length > 0 && recipe.guidance_scale !== 1;
  const text = [
    '# A row of each table is a value of an attribute; the last one leaves it free.',
    'tables = load_file(MODEL / "attributes.safetensors")',
    '',
    '',
    'def label(wish):',
    '    rows = [table[wish.get(name, -1)].float() for name, table in tables.items()]',
    '    return sum(rows).expand(SAMPLES, -1)',
    '',
    '',
  ];
  if (wish.length > 0) {
    const rows = wish.map(({ name, value, row }) => `    "${name}": ${row},  # ${value}`);
    text.push('WISH = {', ...rows, '}', 'labels = label(WISH)');
  } else {
    text.push('labels = label({})');
  }
  if (guided) text.push('free = label({})');
  return { kind: 'attributes', guided, text: text.join('\n') };
}

/** The numbers of the values that are wished for and that the model knows. */
function wishRows({ attributes: choices }: PageRecipe, { attributes }: Facts) {
  return attributes.flatMap(({ name, values }) => {
    const value = choices?.[name] ?? '';
    const row = values.indexOf(value);
    return row < 0 ? [] : [{ name, value, row }];
  });
}
