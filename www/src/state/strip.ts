/** Every browser, iOS's too, has canvases as wide as this. */
const WIDEST = 4096;

/** The frames of a strip by the canvases that they are drawn on; each takes `pitch` pixels of one. */
export function piecesOf(frames: readonly number[], pitch: number): number[][] {
  const most = Math.max(1, Math.floor(WIDEST / pitch));
  const pieces = Array.from({ length: Math.ceil(frames.length / most) }, (_, at) => at * most);
  return pieces.map((from) => frames.slice(from, from + most));
}
