import { MalformedBytesError } from '../base/byte-stream.js';
import { KvorumError } from '../base/errors.js';
import type { Clock } from '../ports/clock.js';
import { SnapshotRefusedError, type OutgoingSnapshot } from '../ports/peers.js';
import { dial, type Call } from './dial.js';
import { FrameLine } from './frame-line.js';
import {
  decodeFromReceiver,
  encodeFromSender,
  snapshotWindowChunksMax,
  type FromReceiver,
} from './snapshot-frames.js';

/**
 * Offers the snapshot, sends what the other end lacks of it, and waits until it is taken, as long as the other end says that
 * it is there. Rejects when it is not wanted, or the connection broke: the same call later goes on where this one stopped.
 * @throws SnapshotRefusedError, KvorumError DATA_DAMAGED when it arrived damaged, what the signal was aborted with
 */
export async function sendSnapshot(
  call: Omit<Call, 'purpose' | 'signal'>,
  transfer: OutgoingSnapshot,
): Promise<void> {
  try {
    await bring(call, transfer);
  } catch (error) {
    transfer.signal.throwIfAborted();
    throw error;
  }
}

async function bring(call: Omit<Call, 'purpose' | 'signal'>, transfer: OutgoingSnapshot): Promise<void> {
  const { offer, signal } = transfer;
  const connection = await dial({ ...call, purpose: 'snapshot', signal });
  const line = new FrameLine(connection, call.clock, encodeFromSender({ type: 'alive' }));
  const abort = (): void => line.destroy();
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    await line.send(encodeFromSender({ type: 'offer', offer }));
    const answer = await nextAnswer(line);
    if (answer.type !== 'go-on') throw answerError(answer);
    transfer.resume(answer.place);
    await new Sending(line, call.clock, transfer, answer.place.chunks).run();
  } finally {
    signal.removeEventListener('abort', abort);
    line.destroy();
  }
}

/** What is more than a sign of life. */
async function nextAnswer(line: FrameLine): Promise<FromReceiver> {
  for (;;) {
    const said = decodeFromReceiver(await line.next());
    if (said.type !== 'alive') return said;
  }
}

function answerError(answer: FromReceiver): Error {
  if (answer.type === 'damaged') return new KvorumError('DATA_DAMAGED', answer.reason);
  if (answer.type === 'refused') return new SnapshotRefusedError(answer.reason);
  return new Error(
    answer.type === 'not-wanted' ? 'the snapshot is not wanted now' : 'no answer to a snapshot',
  );
}

/** Chunks go out while what the other end has taken comes in. */
class Sending {
  readonly #line: FrameLine;
  readonly #clock: Clock;
  readonly #transfer: OutgoingSnapshot;
  #sent: number;
  #taken: number;
  #over = false;
  #wake = (): void => {};

  constructor(line: FrameLine, clock: Clock, transfer: OutgoingSnapshot, held: number) {
    this.#line = line;
    this.#clock = clock;
    this.#transfer = transfer;
    this.#sent = this.#taken = held;
  }

  async run(): Promise<void> {
    const answered = this.#listen().finally(() => {
      this.#over = true;
      this.#wake();
    });
    const answer = await Promise.race([answered, this.#stream().then(() => answered)]);
    if (answer.type !== 'taken') throw answerError(answer);
  }

  /** @returns what ends it */
  async #listen(): Promise<FromReceiver> {
    for (;;) {
      const said = await nextAnswer(this.#line);
      if (said.type !== 'progress') return said;
      if (said.chunks < this.#taken || said.chunks > this.#sent) {
        throw new MalformedBytesError(`${said.chunks} chunks are said to be taken`);
      }
      this.#taken = said.chunks;
      this.#transfer.taken(said.chunks);
      this.#wake();
    }
  }

  async #stream(): Promise<void> {
    while (!this.#over) {
      if (this.#sent - this.#taken >= snapshotWindowChunksMax) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      const next = this.#transfer.next();
      if (!('bytes' in next)) {
        await this.#line.send(encodeFromSender({ type: 'end', end: next }));
        return;
      }
      this.#sent = next.number;
      await this.#line.send(encodeFromSender({ type: 'chunk', chunk: next }));
      // Reading rows and summing them up takes time: others come in between.
      await new Promise<void>((resolve) => this.#clock.nextTurn(resolve));
    }
  }
}
