import { GROUND, msOfEach, STAND_MS } from './animation';
import { block, encode, float, text, uint, type Element } from './ebml';
import { opaque, type Raster } from './raster';

interface Codec {
  config: VideoEncoderConfig;
  /** As WebM calls it. */
  id: string;
}

const CODECS = [
  ['vp09.00.40.08', 'V_VP9'],
  ['vp8', 'V_VP8'],
] as const;
/** Noise cannot be packed: with less its pixels run into one another. */
const BITS_A_PIXEL = 24;

/** Codecs take pictures of even sides. */
const even = (side: number) => side + (side % 2);

/** The first that this browser can write in this size, if any. */
export async function webmCodec(width: number, height: number): Promise<Codec | null> {
  if (typeof VideoEncoder === 'undefined') return null;
  for (const [codec, id] of CODECS) {
    const size = { width: even(width), height: even(height) };
    const config = { codec, ...size, bitrate: BITS_A_PIXEL * width * height };
    const answer = await VideoEncoder.isConfigSupported(config).catch(() => null);
    if (answer?.supported) return { config, id };
  }
  return null;
}

/** The picture with a line more below or beside it, where a side is odd. */
function evened({ width, height, data }: Raster): Raster {
  const raster = {
    width: even(width),
    height: even(height),
    data: new Uint8ClampedArray(4 * even(width) * even(height)),
  };
  for (let y = 0; y < height; y++) {
    raster.data.set(data.subarray(4 * y * width, 4 * (y + 1) * width), 4 * y * raster.width);
  }
  return raster;
}

interface Chunk {
  data: Uint8Array;
  ms: number;
  isKey: boolean;
}

/** One track of pictures in one cluster, as WebM has them (RFC 9559). */
function container({ config, id }: Codec, chunks: Chunk[], durationMs: number): Element[] {
  const { width, height } = config;
  return [
    [
      0x1a45dfa3, // EBML
      [
        [0x4282, text('webm')], // DocType
        [0x4287, uint(4)], // DocTypeVersion
        [0x4285, uint(2)], // DocTypeReadVersion
      ],
    ],
    [
      0x18538067, // Segment
      [
        [
          0x1549a966, // Info
          [
            [0x2ad7b1, uint(1_000_000)], // TimestampScale: of a millisecond
            [0x4489, float(durationMs)], // Duration
            [0x4d80, text('Reverie')], // MuxingApp
            [0x5741, text('Reverie')], // WritingApp
          ],
        ],
        [
          0x1654ae6b, // Tracks
          [
            [
              0xae, // TrackEntry
              [
                [0xd7, uint(1)], // TrackNumber
                [0x73c5, uint(1)], // TrackUID
                [0x83, uint(1)], // TrackType: video
                [0x86, text(id)], // CodecID
                [
                  0xe0, // Video
                  [
                    [0xb0, uint(width)], // PixelWidth
                    [0xba, uint(height)], // PixelHeight
                  ],
                ],
              ],
            ],
          ],
        ],
        [
          0x1f43b675, // Cluster
          [
            [0xe7, uint(0)], // Timestamp
            ...chunks.map(
              ({ data, ms, isKey }): Element => [0xa3, block(data, ms, isKey)], // SimpleBlock
            ),
          ],
        ],
      ],
    ],
  ];
}

/** A film of a run. Frames come one by one, so that the page stays awake meanwhile. */
export async function webmOf(
  count: number,
  frame: (index: number) => Promise<Raster>,
  onprogress: (done: number) => void,
): Promise<Blob> {
  const each = Math.round(msOfEach(count));
  const chunks: Chunk[] = [];
  let trouble: Error | null = null;
  const encoder = new VideoEncoder({
    output: (chunk) => {
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      chunks.push({ data, ms: chunk.timestamp / 1000, isKey: chunk.type === 'key' });
    },
    error: (error) => {
      trouble = error;
    },
  });
  let codec: Codec | null = null;
  const add = ({ data, width, height }: Raster, ms: number) => {
    const picture = new VideoFrame(data, {
      format: 'RGBA',
      codedWidth: width,
      codedHeight: height,
      timestamp: 1000 * ms,
    });
    encoder.encode(picture, { keyFrame: ms === 0 });
    picture.close();
  };
  for (let index = 0; index < count; index++) {
    const picture = evened(opaque(await frame(index), GROUND));
    if (!codec) {
      codec = await webmCodec(picture.width, picture.height);
      if (!codec) throw new Error('This browser writes no video of this size.');
      encoder.configure(codec.config);
    }
    add(picture, index * each);
    // Players leave out a time after the last frame: it comes once more at its end.
    if (index + 1 === count) add(picture, index * each + STAND_MS);
    onprogress(index + 1);
    await new Promise((resolve) => setTimeout(resolve));
  }
  await encoder.flush();
  encoder.close();
  if (trouble) throw trouble as Error;
  if (!codec) throw new Error('There is no run to save yet.');
  const bytes = encode(container(codec, chunks, (count - 1) * each + STAND_MS + each));
  return new Blob([bytes], { type: 'video/webm' });
}
