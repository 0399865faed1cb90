/** What an input may take by itself, beside its length: most take a hundredth of it. */
const inputMsMax = 100;
/** Two microseconds an octet: twenty times what the slowest takes, and far from what a square of lengths does. */
const octetMsMax = 2e-3;

/** An input that seems slow is measured again: other threads, and other processes, make any input slow at times. */
const attempts = 5;

/** So far beyond its limit no input gets by what others do. */
const hopeless = 10;

/** Milliseconds that the processors have worked for this process. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What an input of that length may take, in milliseconds. */
export function timeLimitMs(sizeBytes: number): number {
  return inputMsMax + octetMsMax * sizeBytes;
}

/**
 * Runs something on an input of `sizeBytes`, and once more as long as it takes too much time.
 *
 * @throws Error if it always does
 */
export async function withinTime(
  what: string,
  sizeBytes: number,
  run: () => unknown,
  limitMs = timeLimitMs(sizeBytes),
): Promise<void> {
  let leastMs = Infinity;
  for (let left = attempts; left > 0; left--) {
    const began = processorMs();
    await run();
    leastMs = Math.min(leastMs, processorMs() - began);
    if (leastMs <= limitMs) return;
    if (leastMs > hopeless * limitMs) break;
  }
  throw new Error(`${what}: ${sizeBytes} octets took ${Math.round(leastMs)} ms of processor time`);
}
