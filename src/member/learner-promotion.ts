import type { Index, MemberId } from '../base/ids.js';
import { isVoter } from '../raft/config-change.js';
import type { ProgressStatus } from '../raft/types.js';
import type { MembershipChanges } from './membership-changes.js';
import type { MemberParts } from './parts.js';

/** What the leader's log held when the round began is to be at the learner. */
interface Round {
  readonly targetIndex: Index;
  readonly beganMs: number;
}

/**
 * At the leader: learners that are up and have caught up become voters without being asked for, one at a time. Caught up
 * is who lacks a few entries at most, or who takes in less than an election time-out what was written until then
 * (thesis section 4.2.1): under load and on a long way there are always entries on their way.
 */
export class LearnerPromotion {
  readonly #parts: MemberParts;
  readonly #changes: MembershipChanges;
  readonly #rounds = new Map<MemberId, Round>();

  constructor(parts: MemberParts, changes: MembershipChanges) {
    this.#parts = parts;
    this.#changes = changes;
  }

  tick(leading: boolean): void {
    const { raft, machine } = this.#parts;
    if (!leading || machine.config.learners.length === 0) {
      this.#rounds.clear();
      return;
    }
    const { configIndex, lastIndex, progress } = raft.status();
    if (configIndex > machine.applied.index) return;
    for (const record of machine.members()) {
      if (!record.promoteWhenReady || isVoter(machine.config, record.id)) continue;
      if (record.clientAddress === '') continue;
      if (!this.#hasCaughtUp(record.id, progress.get(record.id), lastIndex)) continue;
      this.#rounds.delete(record.id);
      this.#changes.promoteNow(record.id, configIndex);
      return;
    }
  }

  #hasCaughtUp(id: MemberId, progress: ProgressStatus | undefined, lastIndex: Index): boolean {
    // Who has taken nothing yet is behind, however short the log is.
    if (progress?.recentActive !== true || progress.state === 'snapshot' || progress.match === 0) {
      this.#rounds.delete(id);
      return false;
    }
    const { options, clock } = this.#parts;
    if (progress.match + options.promotionLagEntriesMax >= lastIndex) return true;
    const round = this.#rounds.get(id);
    if (round !== undefined && progress.match < round.targetIndex) return false;
    this.#rounds.set(id, { targetIndex: lastIndex, beganMs: clock.monotonicMs() });
    return round !== undefined && clock.monotonicMs() - round.beganMs <= options.electionTimeoutMs;
  }
}
