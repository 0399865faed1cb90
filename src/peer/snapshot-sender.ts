import { KvorumError } from '../base/errors.js';
import type { OutgoingSnapshot } from '../ports/peers.js';
import { dial, type Call } from './dial.js';
import { FrameLine } from './frame-line.js';
import { chunkSizeBytes, decodeFromReceiver, encodeFromSender } from './snapshot-frames.js';

/**
 * Offers the snapshot, sends what the other end lacks of it, and waits until it is taken. Rejects when it is not
 * wanted, or the connection broke: the same call later goes on where this one stopped.
 * @throws KvorumError DATA_DAMAGED when it arrived damaged: sending the same file again may not help
 */
export async function sendSnapshot(
  call: Omit<Call, 'purpose' | 'signal'>,
  transfer: OutgoingSnapshot,
): Promise<void> {
  const { header, signal } = transfer;
  const line = new FrameLine(await dial({ ...call, purpose: 'snapshot', signal }));
  const abort = (): void => line.destroy();
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    await line.send(encodeFromSender({ type: 'offer', header }));
    const answer = decodeFromReceiver(await line.next());
    if (answer.type === 'refused') throw new Error(`the snapshot was refused: ${answer.reason}`);
    if (answer.type !== 'go-on') throw new Error('the snapshot is not wanted now');
    for (let position = answer.receivedBytes; position < header.sizeBytes; position += chunkSizeBytes) {
      const lengthBytes = Math.min(chunkSizeBytes, header.sizeBytes - position);
      const bytes = await transfer.read(position, lengthBytes);
      await line.send(encodeFromSender({ type: 'chunk', position, bytes }));
    }
    await line.send(encodeFromSender({ type: 'end' }));
    const end = decodeFromReceiver(await line.next());
    if (end.type === 'damaged') throw new KvorumError('DATA_DAMAGED', end.reason);
    if (end.type !== 'taken') throw new Error('the snapshot was not taken');
  } finally {
    signal.removeEventListener('abort', abort);
    line.destroy();
  }
}
