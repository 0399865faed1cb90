/** Time and turns. The real one is the event loop; the simulator's is virtual. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonicMs(): number;
  /** Milliseconds since 1970; may jump. For logs and leases shown to people, never for protocol decisions. */
  wallMs(): number;
  /** Calls `callback` once after `delayMs`. */
  setTimer(delayMs: number, callback: () => void): Timer;
  /** Calls `callback` once, after the input that is ready now has been taken in. */
  nextTurn(callback: () => void): void;
}

export interface Timer {
  /** After this the callback is not called. Harmless when it already was. */
  cancel(): void;
}
