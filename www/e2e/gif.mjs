/** Size and number of frames of a GIF, by its blocks. */
export function gifFacts(bytes) {
  const word = (at) => bytes[at] | (bytes[at + 1] << 8);
  const table = (flags) => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  let at = 13 + table(bytes[10]);
  const skipBlocks = () => {
    while (bytes[at] !== 0) at += bytes[at] + 1;
    at++;
  };
  let frames = 0;
  while (bytes[at] !== 0x3b) {
    if (bytes[at] === 0x21) {
      at += 2;
    } else if (bytes[at] === 0x2c) {
      frames++;
      // The descriptor, its colours, and how many bits the pixels' codes begin with.
      at += 10 + table(bytes[at + 9]) + 1;
    } else {
      throw new Error(`no GIF has a block 0x${bytes[at]?.toString(16)}`);
    }
    skipBlocks();
  }
  return { width: word(6), height: word(8), frames };
}
