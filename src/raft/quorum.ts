/** Majority arithmetic over one or two halves of voters (paper section 5.3, thesis section 4.3). */

export type VoteResult = 'won' | 'lost' | 'pending';

/** Members that make a majority of `voters`. */
export function majoritySize(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/**
 * The largest value that a majority has reached. Sorts `values` in place, so that the hot path can hand in a
 * scratch array. No voters set no bound: Infinity, so that an absent outgoing half never decides.
 */
export function majorityValue(values: number[]): number {
  const count = values.length;
  if (count === 0) return Infinity;
  // Insertion sort, largest first: the arrays hold a handful of numbers.
  for (let at = 1; at < count; at++) {
    const value = values[at]!;
    let slot = at;
    while (slot > 0 && values[slot - 1]! < value) {
      values[slot] = values[slot - 1]!;
      slot--;
    }
    values[slot] = value;
  }
  return values[majoritySize(count) - 1]!;
}

/** What both halves have reached. */
export function jointValue(incoming: number[], outgoing: number[]): number {
  return Math.min(majorityValue(incoming), majorityValue(outgoing));
}

/** No voters have nothing against it. */
export function majorityVote(granted: number, rejected: number, voters: number): VoteResult {
  if (voters === 0) return 'won';
  if (granted >= majoritySize(voters)) return 'won';
  return voters - rejected < majoritySize(voters) ? 'lost' : 'pending';
}

/** Both halves must agree. */
export function jointVote(incoming: VoteResult, outgoing: VoteResult): VoteResult {
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}
