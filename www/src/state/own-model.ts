/** A model of the visitor's own: a diffusers folder that was dropped on the page. */
export interface OwnModel {
  /** Of the folder. */
  name: string;
  bytes: number;
  /** By their paths in the folder. */
  files: Map<string, Uint8Array>;
}

/** What links and the list of models call it; no folder has such a name. */
export const OWN = '(own)';

/** Of a link to one, where it is not open. */
export const NOT_KEPT =
  'The model was a folder of your own, and folders are not kept: drop it on the page again, or choose it in “About this model”.';

/** What a model is made of. */
export const USED = /\.(json|safetensors)$/;
const MOST_FILES = 200;
const MOST_BYTES = 600e6;

/** A file, and where it lay in what was dropped. */
export interface Found {
  path: string;
  file: File;
}

/** The path in the model's folder, and the folder's name, where all that was dropped is one folder. */
function below(paths: string[]): { name: string; strip: number } {
  const [first = ''] = paths;
  const name = first.slice(0, first.indexOf('/'));
  const one = name !== '' && paths.every((path) => path.startsWith(`${name}/`));
  // Of a model's folder someone may have dropped a part: its name says nothing of the model.
  const part = name === 'unet' || name === 'scheduler';
  return one && !part ? { name, strip: name.length + 1 } : { name: 'your model', strip: 0 };
}

/** Reads a folder's files; throws a sentence that says what is wrong with them. */
export async function readModel(found: Found[]): Promise<OwnModel> {
  const used = found.filter(({ path }) => USED.test(path));
  const bytes = used.reduce((sum, { file }) => sum + file.size, 0);
  if (!used.some(({ path }) => path.endsWith('.safetensors'))) {
    throw new Error('There is no model in what was dropped: no .safetensors file is among it.');
  }
  if (used.length > MOST_FILES || bytes > MOST_BYTES) {
    const size = Math.round(bytes / 1e6);
    throw new Error(`${used.length} files of ${size} MB are too much: a model has at most 600 MB.`);
  }
  const { name, strip } = below(used.map(({ path }) => path));
  const entries = used.map(
    async ({ path, file }) =>
      [path.slice(strip), new Uint8Array(await file.arrayBuffer())] as const,
  );
  return { name, bytes, files: new Map(await Promise.all(entries)) };
}

const MOST_FOUND = 2000;

/** All files of what was dropped, folders included. */
export async function filesOf(entries: FileSystemEntry[]): Promise<Found[]> {
  const found: Found[] = [];
  const queue = [...entries];
  for (let entry = queue.pop(); entry; entry = queue.pop()) {
    if (found.length > MOST_FOUND) throw new Error('That are too many files for a model.');
    if (entry.isDirectory) queue.push(...(await childrenOf(entry as FileSystemDirectoryEntry)));
    else {
      const file = await fileOf(entry as FileSystemFileEntry);
      found.push({ path: entry.fullPath.replace(/^\//, ''), file });
    }
  }
  return found;
}

const fileOf = (entry: FileSystemFileEntry) =>
  new Promise<File>((resolve, reject) => {
    entry.file(resolve, reject);
  });

/** A reader hands out a part of a large folder at a time, and nothing at its end. */
async function childrenOf(entry: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = entry.createReader();
  const children: FileSystemEntry[] = [];
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (part.length === 0) return children;
    children.push(...part);
  }
}
