import { MalformedBytesError } from '../base/byte-stream.js';
import { KvorumError } from '../base/errors.js';
import type { MemberId } from '../base/ids.js';
import type { IncomingSnapshot, PeersHandler } from '../ports/peers.js';
import type { Line } from './dial.js';
import { FrameLine } from './frame-line.js';
import { decodeFromSender, encodeFromReceiver } from './snapshot-frames.js';
import { SnapshotFormatError } from './snapshot-meta-codec.js';

/** Takes in one snapshot. What came before the connection broke is kept for the next attempt. */
export async function receiveSnapshot(line: Line, from: MemberId, handler: PeersHandler): Promise<void> {
  const frames = new FrameLine(line);
  const incoming = await take(frames, from, handler);
  if (incoming === undefined) {
    await frames.send(encodeFromReceiver({ type: 'not-wanted' }));
    frames.close();
    return;
  }
  try {
    const receivedBytes = incoming.receivedBytes;
    await frames.send(encodeFromReceiver({ type: 'go-on', receivedBytes }));
    await takeChunks(frames, incoming, receivedBytes);
  } catch (error) {
    await incoming.suspend();
    throw error;
  }
  try {
    await incoming.finish();
    await frames.send(encodeFromReceiver({ type: 'taken' }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    await frames.send(encodeFromReceiver({ type: 'damaged', reason }));
  }
  frames.close();
}

/** What cannot be read here is refused with the reason, for the sender's log. */
async function take(
  frames: FrameLine,
  from: MemberId,
  handler: PeersHandler,
): Promise<IncomingSnapshot | undefined> {
  const payload = await frames.next();
  try {
    const offer = decodeFromSender(payload);
    if (offer.type !== 'offer') throw new MalformedBytesError('a snapshot begins with an offer');
    return await handler.incomingSnapshot(from, offer.header);
  } catch (error) {
    if (error instanceof SnapshotFormatError || error instanceof KvorumError) {
      await frames.send(encodeFromReceiver({ type: 'refused', reason: error.message }));
      frames.close();
    }
    throw error;
  }
}

async function takeChunks(frames: FrameLine, incoming: IncomingSnapshot, from: number): Promise<void> {
  let position = from;
  for (;;) {
    const said = decodeFromSender(await frames.next());
    if (said.type === 'end') return;
    if (said.type !== 'chunk' || said.position !== position) {
      throw new MalformedBytesError(`a chunk that begins at ${position} must follow`);
    }
    await incoming.write(position, said.bytes);
    position += said.bytes.length;
  }
}
