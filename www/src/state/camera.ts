/** More than enough for any model here. */
const SIDE = 720;

const SENTENCES: Record<string, string> = {
  NotAllowedError:
    'The camera was refused. Allow it for this page in the browser’s address bar, then start it again.',
  NotFoundError: 'No camera was found. Plug one in, or open a picture file instead.',
  NotReadableError: 'The camera is in use elsewhere. Close what uses it, then start it again.',
};

/** Asks for a camera, the one that looks away from the person; throws a sentence on what is wrong. */
export async function openCamera(): Promise<MediaStream> {
  // Not there where the page is not secure, whatever the types say.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices) throw new Error('This browser lends pages no camera. Open a picture file instead.');
  const size = { ideal: SIDE };
  try {
    return await devices.getUserMedia({
      audio: false,
      video: { facingMode: 'environment', width: size, height: size },
    });
  } catch (thrown) {
    const { name, message } = thrown as DOMException;
    const sentence = SENTENCES[name] ?? `The camera does not start: ${message || name}.`;
    throw new Error(sentence, { cause: thrown });
  }
}
