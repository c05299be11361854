import type { Raster } from './raster';

const SIZE = 13;
const MARGIN = 10;
const LINE = 1.4;

function linesOf(text: string, fits: (line: string) => boolean): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word;
    if (lines.length > 0 && fits(longer)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** Words to stand under a picture, where its licence asks for them. */
export function caption(text: string, width: number): Raster | null {
  const context = new OffscreenCanvas(width, 1).getContext('2d');
  if (!context) return null;
  const font = `${SIZE}px system-ui, sans-serif`;
  context.font = font;
  const lines = linesOf(text, (line) => context.measureText(line).width <= width - 2 * MARGIN);
  const { canvas } = context;
  canvas.height = Math.round(lines.length * SIZE * LINE + 2 * MARGIN);
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, width, canvas.height);
  // Another height is another canvas: it has forgotten the font.
  context.font = font;
  context.fillStyle = '#1b1c20';
  context.textBaseline = 'middle';
  lines.forEach((line, index) => {
    context.fillText(line, MARGIN, MARGIN + (index + 0.5) * SIZE * LINE);
  });
  const { height } = canvas;
  return { width, height, data: context.getImageData(0, 0, width, height).data };
}
