/** Requests that were answered: when each began and how long it took, in microseconds. */
export interface Timings {
  readonly startsUs: Float64Array;
  readonly latenciesUs: Float64Array;
}

export interface Summary {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly longestMs: number;
  /** The longest time in which no answer came. */
  readonly longestGapMs: number;
}

/** @returns the smallest value that at least `share` of `sorted` do not exceed */
export function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function join(parts: readonly Timings[]): Timings {
  return {
    startsUs: concat(parts.map((part) => part.startsUs)),
    latenciesUs: concat(parts.map((part) => part.latenciesUs)),
  };
}

function concat(arrays: readonly Float64Array[]): Float64Array {
  const joined = new Float64Array(arrays.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const array of arrays) {
    joined.set(array, at);
    at += array.length;
  }
  return joined;
}

/** From the first request's begin to the last answer. */
export function summarise({ startsUs, latenciesUs }: Timings): Summary {
  const ends = startsUs.map((start, at) => start + latenciesUs[at]!).sort();
  const first = startsUs.reduce((least, each) => Math.min(least, each), Number.POSITIVE_INFINITY);
  const elapsedUs = ends[ends.length - 1]! - first;
  const sorted = latenciesUs.slice().sort();
  let longestGapUs = 0;
  for (let at = 1; at < ends.length; at++) longestGapUs = Math.max(longestGapUs, ends[at]! - ends[at - 1]!);
  return {
    requestsPerSecond: sorted.length / (elapsedUs / 1e6),
    p50Ms: quantile(sorted, 0.5) / 1000,
    p99Ms: quantile(sorted, 0.99) / 1000,
    p999Ms: quantile(sorted, 0.999) / 1000,
    longestMs: quantile(sorted, 1) / 1000,
    longestGapMs: longestGapUs / 1000,
  };
}
