/** Time and turns. The real one is the event loop; the simulator's is virtual. Both run test/contract/clock. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonicMs(): number;
  /** Milliseconds since 1970; may jump. For logs and leases shown to people, never for protocol decisions. */
  wallMs(): number;
  /**
   * Calls `callback` once, when `delayMs` (0 to Infinity) has passed and not before; never from within the call.
   * Timers come in the order of the times at which they are due.
   */
  setTimer(delayMs: number, callback: () => void): Timer;
  /**
   * Calls `callback` once, after the input that is ready now has been taken in. In the order of the calls; what is
   * asked for in a turn comes in a later one.
   */
  nextTurn(callback: () => void): void;
}

export interface Timer {
  /** After this the callback is not called. Harmless when it already was, and when repeated. */
  cancel(): void;
}
