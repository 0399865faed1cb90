import { noMember, type MemberId } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { Clock } from '../ports/clock.js';
import { majoritySize } from '../raft/quorum.js';
import type { ClusterConfig } from '../raft/types.js';

/** Elections take one or two time-outs; what lasts longer has a cause that an operator can mend. */
const electionsWaited = 3;

interface Options {
  readonly id: MemberId;
  readonly clock: Clock;
  readonly log: Log;
  readonly electionTimeoutMs: number;
  readonly leader: () => MemberId;
  readonly config: () => ClusterConfig;
  /** Whether messages reach it. */
  readonly reaches: (id: MemberId) => boolean;
  /** Name and address, for people. */
  readonly describe: (id: MemberId) => string;
}

/** Says once that there is no leader and who is missing, and again when there is one. */
export class LeaderWatch {
  readonly #options: Options;
  /** On the monotonic clock; undefined while there is a leader. */
  #sinceMs: number | undefined;
  #told = false;

  constructor(options: Options) {
    this.#options = options;
  }

  tick(): void {
    const { clock, log, electionTimeoutMs, leader, describe } = this.#options;
    const nowMs = clock.monotonicMs();
    const leads = leader();
    if (leads !== noMember) {
      const forMs = Math.round(nowMs - (this.#sinceMs ?? nowMs));
      if (this.#told) log.info({ leader: describe(leads), forMs }, 'there is a leader again');
      this.#sinceMs = undefined;
      this.#told = false;
      return;
    }
    this.#sinceMs ??= nowMs;
    if (this.#told || nowMs - this.#sinceMs < electionsWaited * electionTimeoutMs) return;
    this.#tell();
  }

  #tell(): void {
    const { id, log, config, reaches, describe } = this.#options;
    const { voters, votersOutgoing } = config();
    // Whose state has not come yet knows nobody.
    if (voters.length === 0) return;
    this.#told = true;
    const isThere = (voter: MemberId): boolean => voter === id || reaches(voter);
    const lacking = [voters, votersOutgoing].find(
      (half) => half.length > 0 && half.filter(isThere).length < majoritySize(half.length),
    );
    const missing = [...new Set([...voters, ...votersOutgoing])].filter((voter) => !isThere(voter));
    const fields = { missing: missing.map(describe) };
    if (lacking === undefined) {
      log.warn(fields, 'there is no leader, though a majority of the voters can be reached');
      return;
    }
    const needed = majoritySize(lacking.length);
    log.warn(
      { ...fields, reachable: lacking.filter(isThere).length, needed, voters: lacking.length },
      'no quorum: too few voters can be reached, and nothing can be written',
    );
  }
}
