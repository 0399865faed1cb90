import { KvorumError } from '../base/errors.js';
import type { MemberId } from '../base/ids.js';
import type { BackendInstall } from '../ports/backend.js';
import type { Clock, Timer } from '../ports/clock.js';
import type {
  IncomingSnapshot,
  SnapshotChunk,
  SnapshotEnd,
  SnapshotOffer,
  SnapshotPlace,
} from '../ports/peers.js';
import { RowDecoder } from '../storage/backend/row-stream.js';
import type { TransferSpace } from './transfer-space.js';

interface Surroundings {
  readonly clock: Clock;
  readonly space: TransferSpace;
  /** Of one that broke off, until it is given up. */
  readonly keptMs: number;
  /** So much of it is here. */
  moved(doneBytes: number): void;
  /** The next may come: this one is whole, damaged or given up. */
  ended(): void;
  /** It is whole, and durable. Told after `ended`. */
  arrived(install: BackendInstall): void;
}

/** What is kept is looked at so often: whether the disk has room for it still. */
export const keptLookIntervalMs = 1000;

/** A page of the state holds less than it could: so many times the rows' size may be needed. */
const spaceFactor = 2;

/**
 * A snapshot on its way into a state beside the one in use, until it is whole or given up. A connection that breaks leaves
 * what there is, for the next one.
 */
export class SnapshotArrival {
  readonly from: MemberId;
  readonly offer: SnapshotOffer;
  readonly #install: BackendInstall;
  readonly #around: Surroundings;
  readonly #decoder = new RowDecoder();
  #phase: 'connected' | 'kept' | 'finishing' | 'ended' = 'kept';
  /** Which of its connections counts. */
  #connection = 0;
  #keptTimer: Timer | undefined;
  #lookTimer: Timer | undefined;
  #removing: Promise<void> | undefined;

  constructor(from: MemberId, offer: SnapshotOffer, install: BackendInstall, around: Surroundings) {
    this.from = from;
    this.offer = offer;
    this.#install = install;
    this.#around = around;
  }

  /** No connection brings more of it. */
  get isKept(): boolean {
    return this.#phase === 'kept';
  }

  /** All of it is here once it is being checked: it is then as good as another. */
  get mayGiveWay(): boolean {
    return this.#phase === 'connected' || this.#phase === 'kept';
  }

  get place(): SnapshotPlace {
    return this.#decoder.place;
  }

  /** A connection goes on with it. */
  connect(): IncomingSnapshot {
    this.#cancelTimers();
    this.#phase = 'connected';
    const connection = ++this.#connection;
    return {
      place: this.place,
      write: (chunk) => this.#write(connection, chunk),
      finish: (end) => this.#finish(connection, end),
      suspend: () => {
        if (this.#isOf(connection)) this.#keep();
        return Promise.resolve();
      },
    };
  }

  #isOf(connection: number): boolean {
    return this.#phase === 'connected' && this.#connection === connection;
  }

  #requireOf(connection: number): void {
    if (!this.#isOf(connection)) {
      throw new KvorumError(
        'CANCELLED',
        'this snapshot was given up: it took too long, or gave way to another',
      );
    }
  }

  #cancelTimers(): void {
    this.#keptTimer?.cancel();
    this.#lookTimer?.cancel();
  }

  #keep(): void {
    const { clock, keptMs } = this.#around;
    this.#phase = 'kept';
    this.#keptTimer = clock.setTimer(keptMs, () => void this.abort());
    this.#lookLater();
  }

  /** One that is written finds out by itself that the disk is short, one that is kept does not. */
  #lookLater(): void {
    const connection = this.#connection;
    this.#lookTimer = this.#around.clock.setTimer(keptLookIntervalMs, () => void this.#look(connection));
  }

  async #look(connection: number): Promise<void> {
    const isShort = await this.#isSpaceShort();
    if (this.#phase !== 'kept' || this.#connection !== connection) return;
    if (isShort) await this.abort();
    else this.#lookLater();
  }

  async #isSpaceShort(): Promise<boolean> {
    try {
      return await this.#around.space.isShort();
    } catch {
      // Not known: whoever writes finds out.
      return false;
    }
  }

  async #write(connection: number, chunk: SnapshotChunk): Promise<void> {
    this.#requireOf(connection);
    try {
      const rows = this.#decoder.push(chunk);
      await this.#around.space.require(spaceFactor * chunk.bytes.length);
      // It may have been given up meanwhile.
      this.#requireOf(connection);
      await this.#install.add(rows);
    } catch (error) {
      this.#requireOf(connection);
      await this.abort();
      throw error;
    }
    this.#around.moved(this.#decoder.sizeBytes);
  }

  async #finish(connection: number, end: SnapshotEnd): Promise<void> {
    this.#requireOf(connection);
    this.#phase = 'finishing';
    const { index, term } = this.offer.meta;
    try {
      this.#decoder.end(end);
      await this.#install.prepare({ index, term }, end.rows);
    } catch (error) {
      await this.abort();
      throw error;
    }
    if (this.#hasEnded()) throw new KvorumError('MEMBER_STOPPING', 'this member is stopping');
    this.#phase = 'ended';
    this.#around.ended();
    this.#around.arrived(this.#install);
  }

  /** No property: it changes while others wait. */
  #hasEnded(): boolean {
    return this.#phase === 'ended';
  }

  /** Gives it up: nothing of it is left when this resolves. Never rejects. */
  async abort(): Promise<void> {
    if (!this.#hasEnded()) {
      this.#cancelTimers();
      this.#phase = 'ended';
      this.#removing = this.#remove();
    }
    await this.#removing;
  }

  async #remove(): Promise<void> {
    try {
      await this.#install.abort();
    } catch {
      // What is left of it is removed at the next start.
    }
    this.#around.ended();
  }
}
