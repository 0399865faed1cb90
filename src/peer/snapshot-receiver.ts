import { MalformedBytesError } from '../base/byte-stream.js';
import { isDamage, KvorumError } from '../base/errors.js';
import type { MemberId } from '../base/ids.js';
import type { Clock } from '../ports/clock.js';
import { DiskError } from '../ports/disk.js';
import type { IncomingSnapshot, PeersHandler } from '../ports/peers.js';
import type { Line } from './dial.js';
import { FrameLine } from './frame-line.js';
import { decodeFromSender, encodeFromReceiver, type FromSender } from './snapshot-frames.js';
import { SnapshotFormatError } from './snapshot-meta-codec.js';

/**
 * Takes in one snapshot. What came before the connection broke is kept for the next attempt. All the while the other end
 * hears that this one is there, however long its disk takes.
 */
export async function receiveSnapshot(
  line: Line,
  from: MemberId,
  handler: PeersHandler,
  clock: Clock,
): Promise<void> {
  const frames = new FrameLine(line, clock, encodeFromReceiver({ type: 'alive' }));
  try {
    const incoming = await take(frames, from, handler);
    if (incoming === undefined) await frames.send(encodeFromReceiver({ type: 'not-wanted' }));
    else await takeRows(frames, incoming);
  } catch (error) {
    // What cannot be read or kept here is refused with the reason, for the sender's log.
    if (!isAnswerable(error)) throw error;
    const type = isDamage(error) ? 'damaged' : 'refused';
    await frames.send(encodeFromReceiver({ type, reason: error.message }));
  } finally {
    frames.close();
  }
}

function isAnswerable(error: unknown): error is Error {
  return error instanceof SnapshotFormatError || error instanceof KvorumError || error instanceof DiskError;
}

async function take(
  frames: FrameLine,
  from: MemberId,
  handler: PeersHandler,
): Promise<IncomingSnapshot | undefined> {
  const offer = await nextSaid(frames);
  if (offer.type !== 'offer') throw new MalformedBytesError('a snapshot begins with an offer');
  return await handler.incomingSnapshot(from, offer.offer);
}

/** What is more than a sign of life. */
async function nextSaid(frames: FrameLine): Promise<FromSender> {
  for (;;) {
    const said = decodeFromSender(await frames.next());
    if (said.type !== 'alive') return said;
  }
}

async function takeRows(frames: FrameLine, incoming: IncomingSnapshot): Promise<void> {
  try {
    await frames.send(encodeFromReceiver({ type: 'go-on', place: incoming.place }));
    for (;;) {
      const said = await nextSaid(frames);
      if (said.type === 'end') {
        await incoming.finish(said.end);
        break;
      }
      if (said.type !== 'chunk') throw new MalformedBytesError('a chunk must follow');
      await incoming.write(said.chunk);
      await frames.send(encodeFromReceiver({ type: 'progress', chunks: said.chunk.number }));
    }
  } catch (error) {
    await incoming.suspend();
    throw error;
  }
  await frames.send(encodeFromReceiver({ type: 'taken' }));
}
