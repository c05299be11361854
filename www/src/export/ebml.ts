/** An element of EBML (RFC 8794): its identifier, and what it holds. */
export type Element = [id: number, content: Uint8Array | Element[]];

const bytesOf = (value: number, length: number) =>
  Uint8Array.from({ length }, (_, at) => Math.floor(value / 256 ** (length - 1 - at)) % 256);

/** As many bytes as an identifier has, which says so itself. */
const idBytes = (id: number) => bytesOf(id, Math.ceil((32 - Math.clz32(id)) / 8));

/** A length, always in eight bytes: the first bit says how many there are. */
function lengthBytes(length: number): Uint8Array {
  const bytes = bytesOf(length, 8);
  bytes[0] = 1;
  return bytes;
}

function joined(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function encode(elements: Element[]): Uint8Array<ArrayBuffer> {
  return joined(
    elements.flatMap(([id, content]) => {
      const body = content instanceof Uint8Array ? content : encode(content);
      return [idBytes(id), lengthBytes(body.length), body];
    }),
  );
}

export const uint = (value: number): Uint8Array => bytesOf(value, value < 256 ? 1 : 4);

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export function float(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}

/** A frame of track 1, at so many milliseconds from its cluster's start. */
export const block = (data: Uint8Array, ms: number, isKey: boolean): Uint8Array =>
  joined([Uint8Array.of(0x81), bytesOf(ms, 2), Uint8Array.of(isKey ? 0x80 : 0), data]);
