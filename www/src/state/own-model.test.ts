import { expect, it } from 'vitest';
import { readModel, type Found } from './own-model';

const found = (...paths: string[]): Found[] =>
  paths.map((path) => ({ path, file: new File(['x'], path.split('/').at(-1) ?? '') }));

it('takes a folder’s files by their paths in it', async () => {
  const model = await readModel(
    found('mine/model_index.json', 'mine/unet/weights.safetensors', 'mine/README.md'),
  );
  expect([model.name, model.bytes]).toEqual(['mine', 2]);
  expect([...model.files.keys()]).toEqual(['model_index.json', 'unet/weights.safetensors']);
});

it('takes what lay in a folder, too', async () => {
  const model = await readModel(found('config.json', 'unet/weights.safetensors'));
  expect(model.name).toBe('your model');
  expect([...model.files.keys()]).toEqual(['config.json', 'unet/weights.safetensors']);
  expect([...(await readModel(found('unet/a.safetensors'))).files.keys()]).toEqual([
    'unet/a.safetensors',
  ]);
});

it('says what is wrong with what was dropped', async () => {
  await expect(readModel(found('a.png'))).rejects.toThrow('no .safetensors file');
  const many = Array.from({ length: 300 }, (_, at) => `m/${at}.safetensors`);
  await expect(readModel(found(...many))).rejects.toThrow('300 files');
});
