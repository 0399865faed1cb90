import { emptyBytes } from '../base/bytes.js';
import { KvorumError } from '../base/errors.js';
import { firstLevels, knowsLevel, requireKnown } from '../base/feature-levels.js';
import { formatId, noMember, type Index, type MemberId } from '../base/ids.js';
import { randomId, type RandomSource } from '../base/prng.js';
import type { Command, CommandResult } from '../fsm/command.js';
import type { MemberRecord, MembershipUpdate } from '../fsm/members/membership.js';
import { encodeMembershipUpdate } from '../fsm/members/membership-codec.js';
import type { StateMachine } from '../fsm/state-machine.js';
import type { Clock } from '../ports/clock.js';
import { clusterMembersMax, isVoter, memberIds } from '../raft/config-change.js';
import type { Raft } from '../raft/raft.js';
import type { ConfigChangeKind } from '../raft/types.js';
import type { ConfigProposals } from './config-proposals.js';
import type { MemberOptions } from './options.js';
import { beforeWrite, noLeaderForWriteError } from './proposals.js';
import type { CallOptions, JoinAnswer, JoinRequest } from './types.js';

/** What a membership call wants, decided from the member table as it is now. */
type Decision =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'change';
      readonly change: ConfigChangeKind;
      readonly id: MemberId;
      readonly update: MembershipUpdate;
    };

interface Parts {
  readonly secret: Uint8Array;
  readonly raft: Raft;
  readonly machine: StateMachine;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly options: MemberOptions;
  readonly proposals: ConfigProposals;
  /** Brings the member table up to date (a linearizable read). */
  readonly readBarrier: (options: CallOptions | undefined) => Promise<void>;
  readonly write: (command: Command, options: CallOptions | undefined) => Promise<CommandResult>;
  /** Runs the member's loop soon. */
  readonly schedule: () => void;
}

/**
 * Joining, leaving, promotion: at any member. Each attempt reads the member table, decides, and proposes a
 * change that is only accepted on the very configuration that was read; so two racing changes cannot both
 * stand on the same picture. An attempt that was lost is decided anew, which makes every call repeatable.
 */
export class MembershipChanges {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async join(request: JoinRequest, options: CallOptions | undefined): Promise<JoinAnswer> {
    const chosenId = randomId(this.#parts.random);
    let id = request.id === noMember ? chosenId : request.id;
    const entry = { isNew: false };
    await this.#change(options, () => {
      const decision = decideJoin(this.#parts.machine, request, id);
      if (decision.kind === 'done') id = decision.id;
      else entry.isNew = true;
      return decision.kind === 'done' ? { kind: 'done' } : decision.decision;
    });
    const { machine, secret } = this.#parts;
    await this.#followMove(request, id, options);
    await this.#refuseOvertaken(request, { id, isNew: entry.isNew }, options);
    const members = machine.members();
    const record = members.find((each) => each.id === id);
    // A member that catches up may apply both at once: that it was let in, and that it was removed.
    if (record === undefined) throw removedError(request);
    // Who has made itself known has it: it goes to new members alone, whom everybody sees.
    const isNew = record.clientAddress === '';
    return { clusterId: machine.clusterId, id, members, secret: isNew ? secret : emptyBytes };
  }

  /** A join that was cut short is gone on with at another address: nobody has called the member at the one before. */
  async #followMove(
    { peerAddress }: JoinRequest,
    id: MemberId,
    options: CallOptions | undefined,
  ): Promise<void> {
    const { machine, write } = this.#parts;
    const record = machine.members().find((each) => each.id === id);
    if (record === undefined || record.clientAddress !== '' || record.peerAddress === peerAddress) return;
    const result = await write({ type: 'change-address', id, peerAddress }, options);
    if (result.type === 'refused') throw new KvorumError(result.code, result.message);
  }

  /**
   * Between the decision to let the member in and the entry that does so the level was raised, or another member moved to
   * its address: it goes again, unless it has started anew meanwhile with a version that fits, or is up where it says.
   */
  async #refuseOvertaken(
    request: JoinRequest,
    { id, isNew }: { readonly id: MemberId; readonly isNew: boolean },
    options: CallOptions | undefined,
  ): Promise<void> {
    const { machine } = this.#parts;
    const mayStay = (record: MemberRecord): boolean =>
      (!isNew || knowsLevel(record.levels, machine.featureLevel)) &&
      (record.clientAddress !== '' || holderOf(machine.members(), record.peerAddress, id) === undefined);
    const find = (): MemberRecord | undefined => machine.members().find((each) => each.id === id);
    const takeBack = (): Decision => {
      const record = find();
      if (record === undefined || mayStay(record)) return { kind: 'done' };
      return { kind: 'change', change: 'remove', id, update: { type: 'remove', id } };
    };
    if (takeBack().kind === 'done') return;
    // It has been let in: unless that is taken back, the call has not failed.
    await this.#change(options, takeBack, { mayTakeEffect: true });
    if (find() !== undefined) return;
    requireSuitable(request, machine);
    refuseTakenAddress(machine.members(), request.peerAddress, id);
  }

  async remove(id: MemberId, options: CallOptions | undefined): Promise<void> {
    await this.#change(options, () => {
      if (this.#parts.machine.removedMembers().has(id)) return { kind: 'done' };
      this.#record(id);
      const voters = this.#parts.machine.config.voters;
      if (voters.length === 1 && voters[0] === id) {
        throw new KvorumError('QUORUM_WOULD_BE_LOST', 'the only voter cannot be removed');
      }
      return { kind: 'change', change: 'remove', id, update: { type: 'remove', id } };
    });
  }

  async promote(id: MemberId, options: CallOptions | undefined): Promise<void> {
    await this.#change(options, () => {
      const { name, clientAddress } = this.#record(id);
      if (isVoter(this.#parts.machine.config, id)) return { kind: 'done' };
      if (clientAddress === '') {
        throw new KvorumError('LEARNER_NOT_READY', `refused: member ${name} has not been up yet`);
      }
      return { kind: 'change', change: 'add-voter', id, update: { type: 'promote', id } };
    });
  }

  /** The leader's own decision about a learner that has caught up; a lost attempt is made again later. */
  promoteNow(id: MemberId, configIndex: Index): void {
    void this.#parts.proposals.propose(
      {
        changes: [{ kind: 'add-voter', id }],
        context: encodeMembershipUpdate({ type: 'promote', id }),
      },
      configIndex,
    );
  }

  #record(id: MemberId): MemberRecord {
    const record = this.#parts.machine.members().find((each) => each.id === id);
    if (record === undefined) {
      throw new KvorumError('MEMBER_NOT_FOUND', `no member has the id ${formatId(id)}`);
    }
    return record;
  }

  /** @param tried  whether the call may have taken effect already */
  async #change(
    options: CallOptions | undefined,
    decide: () => Decision,
    tried = { mayTakeEffect: false },
  ): Promise<void> {
    try {
      await this.#attempts(options, decide, tried);
    } catch (error) {
      // Whatever went wrong with a later attempt says nothing of that one.
      throw tried.mayTakeEffect ? outcomeUnknownError() : beforeWrite(error);
    }
  }

  async #attempts(
    options: CallOptions | undefined,
    decide: () => Decision,
    tried: { mayTakeEffect: boolean },
  ): Promise<void> {
    const { clock, raft, proposals, schedule } = this.#parts;
    const timeoutMs = Math.min(
      options?.timeoutMs ?? this.#parts.options.requestTimeoutMs,
      this.#parts.options.requestTimeoutMs,
    );
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    for (;;) {
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) throw noLeaderForWriteError();
      await this.#parts.readBarrier({ ...options, timeoutMs: leftMs });
      const decision = decide();
      if (decision.kind === 'done') return;
      const { configIndex } = raft.status();
      // A change that is in the log but not yet applied was not part of what decide() saw.
      if (configIndex <= this.#parts.machine.applied.index) {
        const outcome = proposals.propose(
          {
            changes: [{ kind: decision.change, id: decision.id }],
            context: encodeMembershipUpdate(decision.update),
          },
          configIndex,
        );
        schedule();
        const settled = await this.#settled(outcome, deadlineMs, decision.change);
        if (settled === 'applied') return;
        tried.mayTakeEffect ||= settled === 'unknown';
      }
      await this.#pause(options);
    }
  }

  /** @returns whether it took effect; unless it did, try again */
  async #settled(
    proposed: ReturnType<ConfigProposals['propose']>,
    deadlineMs: number,
    change: ConfigChangeKind,
  ): Promise<'applied' | 'not-applied' | 'unknown'> {
    const { clock } = this.#parts;
    let cancel = (): void => {};
    const late = new Promise<{ readonly kind: 'late' }>((resolve) => {
      const timer = clock.setTimer(Math.max(0, deadlineMs - clock.monotonicMs()), () => {
        resolve({ kind: 'late' });
      });
      cancel = () => timer.cancel();
    });
    const outcome = await Promise.race([proposed, late]);
    cancel();
    switch (outcome.kind) {
      case 'applied':
      case 'unknown':
        return outcome.kind;
      case 'lost':
        return 'not-applied';
      case 'late':
        throw outcomeUnknownError();
      case 'dropped':
        if (outcome.reason === 'quorum-would-be-lost') {
          throw new KvorumError(
            'QUORUM_WOULD_BE_LOST',
            'refused: too few voters of the changed cluster are alive, with the state already there, for a majority',
          );
        }
        if (outcome.reason === 'learner-behind') {
          throw new KvorumError('LEARNER_NOT_READY', 'refused: the learner has not received the state yet');
        }
        if (outcome.reason === 'invalid-config') {
          throw this.#unfitError(change);
        }
        return 'not-applied';
    }
  }

  #unfitError(change: ConfigChangeKind): KvorumError {
    const isFull = memberIds(this.#parts.raft.status().config).length >= clusterMembersMax;
    return new KvorumError(
      'INVALID_REQUEST',
      change === 'add-learner' && isFull
        ? `refused: a cluster has at most ${clusterMembersMax} members`
        : 'refused: the change does not fit the cluster as it is',
    );
  }

  #pause(options: CallOptions | undefined): Promise<void> {
    const { clock, options: own } = this.#parts;
    if (options?.signal?.aborted === true) {
      throw new KvorumError('CANCELLED', 'the caller gave up');
    }
    return new Promise((resolve) => {
      clock.setTimer(own.heartbeatIntervalMs / 2, resolve);
    });
  }
}

function outcomeUnknownError(): KvorumError {
  return new KvorumError(
    'OUTCOME_UNKNOWN',
    'no majority confirmed the change of membership in time; it may still take effect',
  );
}

type JoinDecision =
  { readonly kind: 'done'; readonly id: MemberId } | { readonly kind: 'new'; readonly decision: Decision };

/**
 * Joining twice with the id from the data folder is harmless, elsewhere too before the member has been up. The same name and address without an id (a
 * client of the original) is answered with the member that is there. Anything else that is taken is refused.
 */
function decideJoin(machine: StateMachine, request: JoinRequest, id: MemberId): JoinDecision {
  if (machine.removedMembers().has(id)) {
    throw removedError(request);
  }
  requireSuitable(request, machine);
  const members = machine.members();
  const sameId = members.find((each) => each.id === id);
  const sameName = members.find((each) => each.name === request.name);
  if (sameId !== undefined) {
    const isThere = sameId.peerAddress === request.peerAddress;
    if (sameId.name === request.name && (isThere || sameId.clientAddress === '')) {
      refuseTakenAddress(members, request.peerAddress, id);
      return { kind: 'done', id };
    }
    throw new KvorumError(
      'MEMBER_NAME_TAKEN',
      `member id ${formatId(id)} is ${sameId.name} at ${sameId.peerAddress}; change its address with update-member`,
    );
  }
  if (sameName !== undefined) {
    if (request.id === noMember && sameName.peerAddress === request.peerAddress) {
      return { kind: 'done', id: sameName.id };
    }
    throw new KvorumError(
      'MEMBER_NAME_TAKEN',
      `id ${request.name} is taken by the member at ${sameName.peerAddress}; choose another id, or remove that member first`,
    );
  }
  refuseTakenAddress(members, request.peerAddress, id);
  const record: MemberRecord = {
    id,
    name: request.name,
    peerAddress: request.peerAddress,
    clientAddress: '',
    promoteWhenReady: true,
    levels: request.levels ?? firstLevels,
  };
  return {
    kind: 'new',
    decision: { kind: 'change', change: 'add-learner', id, update: { type: 'add', record } },
  };
}

function removedError({ name }: JoinRequest): KvorumError {
  return new KvorumError(
    'MEMBER_REMOVED',
    `member ${name} was removed from this cluster; start it with an empty data folder to join anew`,
  );
}

/** @throws KvorumError VERSION_MISMATCH */
function requireSuitable({ name, levels = firstLevels }: JoinRequest, machine: StateMachine): void {
  requireKnown(levels, machine.featureLevel, `the version that member ${name} runs`);
}

/** Who has the address already. @param id whoever is to have it */
function holderOf(
  members: readonly MemberRecord[],
  peerAddress: string,
  id: MemberId,
): MemberRecord | undefined {
  return members.find((each) => each.peerAddress === peerAddress && each.id !== id);
}

function refuseTakenAddress(members: readonly MemberRecord[], peerAddress: string, id: MemberId): void {
  const holder = holderOf(members, peerAddress, id);
  if (holder !== undefined) {
    throw new KvorumError(
      'MEMBER_ADDRESS_TAKEN',
      `raft address ${peerAddress} is taken by member ${holder.name}; choose another, or remove that member first`,
    );
  }
}
