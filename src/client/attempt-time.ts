/** With less than this left, a further attempt could not end in certainty. */
export const retryTimeMsMin = 300;
/** A server that may be cut off from the others gets so much, when there are others to ask. */
const attemptTimeMsMin = 1000;

/** How long one attempt may take. With several servers to ask, at most half of what is left. */
export function attemptTimeoutMs(remainingMs: number, serverCount: number): number {
  return serverCount > 1 ? Math.min(remainingMs, Math.max(attemptTimeMsMin, remainingMs / 2)) : remainingMs;
}
