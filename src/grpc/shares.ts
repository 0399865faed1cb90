import { assert } from '../base/assert.js';
import { clientOf } from './client-address.js';
import type { KvorumError } from '../base/errors.js';
import { ClientShare, type Seat } from './client-share.js';
import type { Share } from './http2/share.js';
import { limitExceeded, type GrpcLimits } from './limits.js';

/** The last part of each limit is for clients that have little: so many can come in whatever the others take. */
const newcomersPart = 1 / 8;
/** Who has less than this part of what is kept for newcomers is one. */
const newcomerPart = 1 / 16;
/** While more is left: who has less than this part of it is a newcomer, too. */
const leftPart = 1 / 2;
/** When no connection is left for it: who has less than this part of what the heaviest client has. */
const heaviestPart = 1 / 4;
/** The last part of `requestsInFlightMax` is for reserved services: health, and what operators need. */
const reservedPart = 1 / 64;

/** How one limit is shared. */
export interface Parts {
  readonly max: number;
  /** Up to here anyone may take what he likes. */
  readonly open: number;
  /** Up to here newcomers may go on, and beyond it reserved services alone. */
  readonly unreserved: number;
  /** A client that has fewer is a newcomer. */
  readonly few: number;
}

export function partsOf(max: number, reserved: number): Parts {
  const keptForReserved = Math.floor(max * reserved);
  const kept = Math.floor(max * newcomersPart);
  const few = Math.max(1, Math.floor(kept * newcomerPart));
  return { max, open: max - kept, unreserved: max - keptForReserved, few };
}

/**
 * Who has how much of the server. While there is plenty, anyone may take what he likes: behind one address may be a
 * proxy with all clients that there are. The last part of each limit is only for clients that have little.
 */
export class Shares {
  readonly #connections: Parts;
  readonly #unary: Parts;
  readonly #streaming: Parts;
  readonly #clients = new Map<string, ClientShare>();
  /** Clients by the number of their connections, so that who has most is known at once. */
  readonly #byCount: Set<ClientShare>[] = [];
  #connectionCount = 0;

  constructor(limits: GrpcLimits) {
    this.#connections = partsOf(limits.connectionsMax, 0);
    this.#unary = partsOf(limits.requestsInFlightMax, reservedPart);
    this.#streaming = partsOf(limits.streamingCallsMax, 0);
  }

  get connectionCount(): number {
    return this.#connectionCount;
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  // Connections

  of(remoteAddress: string | undefined): ClientShare {
    const client = clientOf(remoteAddress);
    return this.#clients.get(client) ?? new ClientShare(client);
  }

  /** Whether the client may have one more connection as things are. */
  admitsConnection(share: ClientShare): boolean {
    const parts = this.#connections;
    if (this.#connectionCount < parts.open) return true;
    return hasRoom(parts.max, this.#connectionCount, share.connectionCount, parts);
  }

  /** Whether it may have the place of an idle connection of a heavy client when it is not admitted. */
  mayDisplace(heavy: ClientShare, { connectionCount }: ClientShare): boolean {
    const countMax = Math.max(this.#connections.few, heavy.connectionCount * heaviestPart);
    return connectionCount < countMax && connectionCount + 1 < heavy.connectionCount;
  }

  take(seat: Seat): void {
    const { share } = seat;
    this.#clients.set(share.client, share);
    this.#move(share, () => share.seats.add(seat));
    this.#connectionCount++;
  }

  /** Harmless for one that has left. */
  leave(seat: Seat): void {
    const { share } = seat;
    if (!share.seats.has(seat)) return;
    this.#move(share, () => share.seats.delete(seat));
    this.#connectionCount--;
    this.#forgetIfEmpty(share);
  }

  #move(share: ClientShare, change: () => void): void {
    this.#byCount[share.connectionCount]?.delete(share);
    change();
    (this.#byCount[share.connectionCount] ??= new Set()).add(share);
    while (this.#byCount.length > 0 && this.#byCount.at(-1)!.size === 0) this.#byCount.pop();
  }

  /** Clients by the number of their connections, from the most on; those with as many as others in no order. */
  *heaviest(): Iterable<ClientShare> {
    for (let count = this.#byCount.length - 1; count > 0; count--) yield* this.#byCount[count] ?? [];
  }

  #forgetIfEmpty(share: ClientShare): void {
    if (share.connectionCount > 0 || share.unary > 0 || share.streaming > 0) return;
    this.#byCount[0]?.delete(share);
    this.#clients.delete(share.client);
  }

  // Calls

  /**
   * A handler is to be called.
   *
   * @param running how many are at work over all clients
   * @param reserved of a service that is
   * @returns why not, if it may not
   */
  refusesUnary(running: number, share: Share, reserved: boolean): KvorumError | undefined {
    const parts = this.#unary;
    if (running < parts.open) return undefined;
    if (hasRoom(reserved ? parts.max : parts.unreserved, running, share.unary, parts)) return undefined;
    const what = `${running} requests are being worked on`;
    return limitExceeded('requestsInFlightMax', withShare(what, share.unary, running, parts), parts.max);
  }

  refusesStreaming(running: number, share: Share): KvorumError | undefined {
    const parts = this.#streaming;
    if (running < parts.open || hasRoom(parts.max, running, share.streaming, parts)) return undefined;
    const what = `${running} streaming calls are open`;
    return limitExceeded('streamingCallsMax', withShare(what, share.streaming, running, parts), parts.max);
  }

  /** A handler has ended. */
  ended(share: Share): void {
    assert(share instanceof ClientShare, 'shares are made here');
    if (share.connectionCount === 0) this.#forgetIfEmpty(share);
  }
}

/** Beyond what anyone may take: the more of it is left, the more one client may have. */
function hasRoom(max: number, running: number, own: number, { few }: Parts): boolean {
  const left = max - running;
  return left > 0 && own < Math.max(few, left * leftPart);
}

function withShare(what: string, own: number, running: number, { max }: Parts): string {
  return running >= max ? what : `${what}, ${own} of them for this address; the rest is kept for others`;
}
