import type { Request } from './calls.js';
import type { Call, Outcome } from './checkers/history.js';

/** A call as it comes to a member. */
export interface Arrival {
  /** The run of the member's process, as operations name it. */
  readonly server: string;
  readonly id: number;
  readonly request: Request;
  readonly timeoutMs: number;
}

/** Who is told what bears on the liveness of members. Looks on only: it sets no timers. */
export interface LivenessObserver {
  arrived(arrival: Arrival): void;
  /** @param outcomes undefined: the member is gone, or the way to its caller */
  ended(arrival: Arrival, outcomes: readonly Outcome[] | undefined): void;
  /** A part of what `call` reads has been read. */
  pageRead(server: string, call: Call): void;
  /** The network is another for good. */
  networkChanged(): void;
  /** A fault begins or ends: what it left is to be got over from now on. */
  disturb(): void;
  /** Looks if it is time to: called again and again. */
  pass(): void;
  look(): void;
}
