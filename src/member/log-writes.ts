import { assert } from '../base/assert.js';
import type { Term, MemberId } from '../base/ids.js';
import type { Clock } from '../ports/clock.js';
import { addAnswer } from '../raft/outbox.js';
import { entriesSizeBytes } from '../raft/log.js';
import type { Raft } from '../raft/raft.js';
import type { HardState, Message, Ready, SnapshotMeta } from '../raft/types.js';
import type { Wal, WalBatch } from '../storage/wal/wal.js';

interface Parts {
  readonly raft: Raft;
  readonly wal: Wal;
  readonly clock: Clock;
  readonly send: (messages: readonly Message[]) => void;
  /** Runs what a write that has ended brings about; whatever it throws stops the member. */
  readonly guard: (action: () => void) => void;
  /** Raft was told of writes: it may want more. */
  readonly told: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * So many messages, and bytes of proposals, wait for one write. More are as good as lost: all that a member says is said
 * again, and a disk that hangs must not fill the memory.
 */
export const heldMessagesMax = 256;
export const heldSizeBytesMax = 16 * 1024 * 1024;

/** What the log was handed, and the messages that wait for it. */
interface Begun {
  readonly after: Message[];
  told: boolean;
}

/** The write of a Ready. */
interface LogWrite extends Begun {
  readonly mark: number;
  readonly snapshot: SnapshotMeta | undefined;
  readonly sizeBytes: number;
  /** When the log was handed it, on the monotonic clock; Infinity: it was not yet. */
  beganMs: number;
  done: boolean;
}

/**
 * Writes of the log and installations, in the order of their Readys, and the messages that wait for them. What comes
 * behind an installation waits for it, which may take minutes; only term and vote overtake it, and what depends on them
 * alone: without a vote there may be no leader meanwhile. They go to the log as it is before the installation.
 *
 * Invariant: what waits behind an installation holds no term and vote. So nothing older is written over a newer one.
 */
export class LogWrites {
  readonly #parts: Parts;
  /** Not yet told to Raft, oldest first. */
  readonly #outstanding: LogWrite[] = [];
  /** Of the entries in them. */
  #sizeBytes = 0;
  /** When the last write ended. */
  #endedMs = -Infinity;
  /** Installations and log writes that wait for the installation under way. */
  readonly #waiting: (() => Promise<void> | undefined)[] = [];
  #installing: Promise<void> | undefined;
  /** What the log was handed last. It writes in that order, so all before is on disk with it. */
  #last: Begun | undefined;
  /** As the log was handed them last. */
  #term: Term = -1;
  #vote: MemberId = 0n;
  /** Of term and vote, as the log was handed them last. */
  #termWriting: Promise<void> = Promise.resolve();
  #durableTerm: Term;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#durableTerm = parts.raft.term;
  }

  get installing(): boolean {
    return this.#installing !== undefined;
  }

  /** Bytes of entries that are not on disk. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Since when the log has been at its oldest write, on the monotonic clock: those before it have ended. Undefined: at
   * none; behind an installation they wait.
   */
  get oldestMs(): number | undefined {
    const [oldest] = this.#outstanding;
    if (oldest === undefined || this.#installing !== undefined) return undefined;
    return Math.max(oldest.beganMs, this.#endedMs);
  }

  /** @param install of the snapshot in `ready`, if there is one */
  take(ready: Ready, install: (() => Promise<void>) | undefined): void {
    const { persistMark: mark, hardState, entries } = ready;
    const { messagesAfterHardState, messagesAfterPersist } = ready;
    if (install !== undefined) this.#waiting.push(() => this.#behindTerm(install, ready.snapshot!));
    const waits = this.#installing !== undefined || this.#waiting.length > 0;
    if (mark === undefined || waits) {
      if (hardState !== undefined) this.#overtake(hardState);
      this.#sendBehind(this.#last, messagesAfterHardState);
    }
    if (mark === undefined) {
      this.#sendBehind(this.#outstanding.at(-1), messagesAfterPersist);
      return;
    }
    const write = this.#newWrite(ready, mark);
    this.#outstanding.push(write);
    this.#sizeBytes += write.sizeBytes;
    if (waits) {
      const rest = hardState === undefined ? undefined : { commit: hardState.commit };
      this.#waiting.push(() => this.#begin(write, { hardState: rest, entries }));
      this.#proceed();
    } else {
      write.after.unshift(...messagesAfterHardState);
      this.#note(hardState);
      this.#begin(write, { hardState, entries });
    }
  }

  #newWrite({ snapshot, entries, messagesAfterPersist }: Ready, mark: number): LogWrite {
    const sizeBytes = entriesSizeBytes(entries);
    const unbegun = { beganMs: Infinity, done: false, told: false };
    return { mark, snapshot, after: [...messagesAfterPersist], sizeBytes, ...unbegun };
  }

  /**
   * A state of a term that this member has forgotten after a crash would fit no log of it. The term comes with the Ready
   * that installs, or shortly before.
   */
  #behindTerm(install: () => Promise<void>, { term }: SnapshotMeta): Promise<void> {
    if (term <= this.#durableTerm) return install();
    return this.#termWriting.then(() => {
      assert(term <= this.#durableTerm, 'who takes in a state is in its term');
      return install();
    });
  }

  #note(hardState: HardState | undefined): void {
    if (hardState === undefined) return;
    this.#term = hardState.term;
    this.#vote = hardState.vote;
  }

  #sendBehind(begun: Begun | undefined, messages: readonly Message[]): void {
    if (begun === undefined || begun.told) this.#parts.send(messages);
    else for (const message of messages) if (hasRoom(begun.after, message)) addAnswer(begun.after, message);
  }

  /** The commit index stays what it was: it may count what the log as it is now does not hold. */
  #overtake({ term, vote }: HardState): void {
    if (term === this.#term && vote === this.#vote) return;
    this.#term = term;
    this.#vote = vote;
    const { raft, send, told } = this.#parts;
    const begun: Begun = { after: [], told: false };
    this.#last = begun;
    this.#ending(this.#written({ hardState: { term, vote }, entries: [] }), () => {
      raft.hardStatePersisted({ term, vote });
      begun.told = true;
      send(begun.after);
      told();
    });
  }

  /** Only begun: the log keeps the order of its writes itself. */
  #begin(write: LogWrite, batch: WalBatch): undefined {
    this.#last = write;
    write.beganMs = this.#parts.clock.monotonicMs();
    this.#ending(this.#written(batch), () => {
      write.done = true;
      this.#persisted();
    });
  }

  #written(batch: WalBatch): Promise<void> {
    const term = batch.hardState?.term;
    const writing = this.#parts.wal.append(batch);
    if (term === undefined || term <= this.#durableTerm) return writing;
    this.#termWriting = writing.then(() => {
      this.#durableTerm = term;
    });
    this.#termWriting.catch(() => {
      // Told to whoever wrote it.
    });
    return writing;
  }

  #ending(writing: Promise<void>, ended: () => void): void {
    writing.then(
      () => this.#parts.guard(ended),
      (error: unknown) => this.#parts.failed(error),
    );
  }

  #proceed(): void {
    while (this.#installing === undefined && this.#waiting.length > 0) {
      const running = this.#waiting.shift()!();
      if (running === undefined) continue;
      this.#installing = running;
      running.then(
        () => {
          this.#installing = undefined;
          this.#proceed();
        },
        (error: unknown) => this.#parts.failed(error),
      );
    }
  }

  /** Writes are durable in the order in which they began, though it may be told in another. */
  #persisted(): void {
    const { raft, send, told } = this.#parts;
    const waiting = this.#outstanding.findIndex(({ done }) => !done);
    const ended = this.#outstanding.splice(0, waiting < 0 ? Infinity : waiting);
    if (ended.length === 0) return;
    this.#endedMs = this.#parts.clock.monotonicMs();
    for (const write of ended) {
      this.#sizeBytes -= write.sizeBytes;
      raft.persisted(write.mark);
      if (write.snapshot !== undefined) raft.applied(write.snapshot.index);
      write.told = true;
      send(write.after);
    }
    told();
  }

  /** Of an installation that was under way: the backend's end ends it. */
  async installationEnded(): Promise<void> {
    await this.#installing?.catch(() => {
      // It came too late, or its error has ended this member.
    });
  }
}

function hasRoom(held: readonly Message[], message: Message): boolean {
  if (held.length >= heldMessagesMax) return false;
  if (message.type !== 'propose') return true;
  let sizeBytes = 0;
  for (const each of held) if (each.type === 'propose') sizeBytes += each.data.length;
  return sizeBytes < heldSizeBytesMax;
}
