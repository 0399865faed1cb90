import type { Completion } from '../../base/completion.js';
import { KvorumError } from '../../base/errors.js';
import { firstLevel, firstLevels, requireLevel, type FeatureLevel } from '../../base/feature-levels.js';
import { noMember, type MemberId } from '../../base/ids.js';
import type { Command, CommandResult } from '../../fsm/command.js';
import type { MemberRecord } from '../../fsm/members/membership.js';
import type {
  CallOptions,
  JoinAnswer,
  JoinRequest,
  KeyRangeQuery,
  Member,
  MemberStatus,
  MemberView,
  PeerStatus,
  RangeAnswer,
  RangeQuery,
  ReadOptions,
} from '../../member/types.js';
import { VersionedMap } from './versioned-map.js';

/** As joining members are given it. */
export const testSecret = new Uint8Array(32).fill(7);

interface TableRow extends MemberRecord {
  readonly voter: boolean;
}

/**
 * A cluster of one member in memory, without a log and without consensus. For tests and for trying out what
 * stands on a Member.
 */
export class MapMember implements Member {
  readonly #map = new VersionedMap();
  readonly #table = new Map<MemberId, TableRow>();
  readonly #requestTimeoutMs: number;
  readonly #clusterId = 0x5eed_0000_0000_0001n;
  readonly #id: MemberId = 1n;
  #leader: MemberId;
  #appliedIndex = 1;
  readonly #leaderWaits = new Set<() => void>();
  readonly #watchers = new Set<() => void>();

  /** @param options.requestTimeoutMs how long a call waits for a leader */
  constructor(options: { name?: string; peerAddress?: string; requestTimeoutMs?: number } = {}) {
    const { name = 'node1', peerAddress = '127.0.0.1:60051', requestTimeoutMs = 5000 } = options;
    this.#requestTimeoutMs = requestTimeoutMs;
    this.#leader = this.#id;
    const record = {
      id: this.#id,
      name,
      peerAddress,
      clientAddress: '',
      promoteWhenReady: false,
      levels: firstLevels,
    };
    this.#table.set(this.#id, { ...record, voter: true });
  }

  /** From here calls wait, as in a cluster without a quorum, until regainLeader(). */
  loseLeader(): void {
    this.#leader = noMember;
  }

  regainLeader(): void {
    this.#leader = this.#id;
    for (const wake of this.#leaderWaits) wake();
  }

  /** Resolves when that many calls wait for a leader. */
  untilWaiting(count: number): Promise<void> {
    return this.#until(() => this.#leaderWaits.size >= count);
  }

  /** Resolves when no call waits for a leader. */
  untilNobodyWaits(): Promise<void> {
    return this.#until(() => this.#leaderWaits.size === 0);
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  #waitsChanged(): void {
    for (const look of this.#watchers) look();
  }

  async write(command: Command, options?: CallOptions): Promise<CommandResult> {
    await this.#untilLed(options);
    return this.#apply(command);
  }

  startWrite(
    command: Command,
    options: CallOptions | undefined,
    completion: Completion<CommandResult>,
  ): void {
    settle(this.write(command, options), completion);
  }

  async writeAll(commands: readonly Command[], options?: CallOptions): Promise<readonly CommandResult[]> {
    await this.#untilLed(options);
    return commands.map((command) => this.#apply(command));
  }

  async range(query: RangeQuery, options?: ReadOptions): Promise<RangeAnswer> {
    if (options?.serializable !== true) await this.#untilLed(options);
    return this.#map.range(query);
  }

  startRange(
    query: KeyRangeQuery,
    options: ReadOptions | undefined,
    completion: Completion<RangeAnswer>,
  ): void {
    settle(this.range(query, options), completion);
  }

  readBarrier(options?: CallOptions): Promise<void> {
    return this.#untilLed(options);
  }

  startReadBarrier(options: CallOptions | undefined, completion: Completion<void>): void {
    settle(this.readBarrier(options), completion);
  }

  rangeLocal(query: RangeQuery): RangeAnswer {
    return this.#map.range(query);
  }

  requireLevel(needed: FeatureLevel, what: string): void {
    requireLevel(firstLevel, needed, what);
  }

  status(): MemberStatus {
    return {
      clusterId: this.#clusterId,
      id: this.#id,
      name: this.#table.get(this.#id)?.name ?? '',
      version: '0.0.0',
      role: this.#leader === this.#id ? 'leader' : 'follower',
      learner: false,
      leader: this.#leader,
      term: 1,
      lastIndex: this.#appliedIndex,
      commitIndex: this.#appliedIndex,
      appliedIndex: this.#appliedIndex,
      flushedIndex: 0,
      revision: this.#map.revision,
      compactRevision: this.#map.compactRevision,
      featureLevel: firstLevel,
      levels: firstLevels,
      databaseSizeBytes: 0,
      logSizeBytes: 0,
      logMemorySizeBytes: 0,
    };
  }

  peers(): readonly PeerStatus[] {
    return [...this.#table.values()]
      .filter(({ id }) => id !== this.#id)
      .map(({ id, name, peerAddress, voter }) => ({
        ...{ id, name, peerAddress, voter, levels: firstLevels },
        reach: {
          reachable: false,
          address: 'n2:60051',
          sinceMs: 1_700_000_000_000,
          reason: 'nothing is replicated here',
        },
        matchIndex: 0,
        snapshot: { doneBytes: 1, sizeBytesEstimated: 2 },
        snapshotFailure: 'the disk is full there',
      }));
  }

  async members(options?: CallOptions): Promise<readonly MemberView[]> {
    await this.#untilLed(options);
    return [...this.#table.values()].map((row) => ({ ...row, leader: row.id === this.#leader }));
  }

  async join(request: JoinRequest, options?: CallOptions): Promise<JoinAnswer> {
    await this.#untilLed(options);
    const { name, peerAddress } = request;
    for (const row of this.#table.values()) {
      if (row.name === name) throw new KvorumError('MEMBER_NAME_TAKEN', `name ${name} is taken`);
      if (row.peerAddress === peerAddress) {
        throw new KvorumError('MEMBER_ADDRESS_TAKEN', `address ${peerAddress} is taken`);
      }
    }
    const id = request.id === 0n ? BigInt(this.#table.size + 1) : request.id;
    this.#table.set(id, {
      ...{ id, name, peerAddress, clientAddress: '', promoteWhenReady: true, levels: firstLevels },
      voter: false,
    });
    return { clusterId: this.#clusterId, id, members: [...this.#table.values()], secret: testSecret };
  }

  async removeMember(id: MemberId, options?: CallOptions): Promise<void> {
    await this.#untilLed(options);
    if (this.#row(id).voter) {
      throw new KvorumError('QUORUM_WOULD_BE_LOST', 'the last voter cannot be removed');
    }
    this.#table.delete(id);
  }

  async promoteMember(id: MemberId, options?: CallOptions): Promise<void> {
    await this.#untilLed(options);
    if (!this.#row(id).voter) {
      throw new KvorumError('LEARNER_NOT_READY', 'nothing is replicated here: a learner never catches up');
    }
  }

  async changeMemberAddress(id: MemberId, peerAddress: string, options?: CallOptions): Promise<void> {
    await this.#untilLed(options);
    this.#table.set(id, { ...this.#row(id), peerAddress });
  }

  async transferLeadership(target: MemberId, options?: CallOptions): Promise<MemberId> {
    await this.#untilLed(options);
    if (target !== noMember && !this.#row(target).voter) {
      throw new KvorumError('NOT_A_VOTER', `member ${this.#row(target).name} is a learner`);
    }
    return this.#id;
  }

  #row(id: MemberId): TableRow {
    const row = this.#table.get(id);
    if (row === undefined) throw new KvorumError('MEMBER_NOT_FOUND', `no member has the id ${id}`);
    return row;
  }

  #apply(command: Command): CommandResult {
    this.#appliedIndex += 1;
    const map = this.#map;
    if ('expectedModRevision' in command && command.expectedModRevision !== undefined) {
      const { key, expectedModRevision } = command;
      const modRevision = map.range({ key, revision: 0, limit: 1 }).items[0]?.modRevision ?? 0;
      if (modRevision !== expectedModRevision) {
        return { type: 'not-expected', revision: map.revision, modRevision };
      }
    }
    switch (command.type) {
      case 'put': {
        const previous = map.put(command.key, command.value, command.lease);
        return {
          type: 'put',
          revision: map.revision,
          previous: command.previous ? previous : undefined,
        };
      }
      case 'delete-range': {
        const deleted = map.deleteRange(command.key, command.end);
        const previous = command.previous ? deleted : [];
        return { type: 'delete-range', revision: map.revision, deletedCount: deleted.length, previous };
      }
      case 'compact': {
        const { revision } = command;
        if (revision <= map.compactRevision || revision > map.revision) {
          const code = revision > map.revision ? 'REVISION_IN_FUTURE' : 'REVISION_COMPACTED';
          return { type: 'refused', revision: map.revision, code, message: `compact ${revision}` };
        }
        map.compactRevision = revision;
        return { type: 'compact', revision: map.revision };
      }
      case 'publish': {
        const { name, clientAddress, levels } = command;
        this.#table.set(command.id, { ...this.#row(command.id), name, clientAddress, levels });
        return { type: 'publish', revision: map.revision };
      }
      case 'raise-level':
        return { type: 'raise-level', revision: map.revision, level: firstLevel };
      case 'change-address': {
        const { peerAddress } = command;
        this.#table.set(command.id, { ...this.#row(command.id), peerAddress });
        return { type: 'change-address', revision: map.revision };
      }
    }
  }

  /** Resolves at once when there is a leader. Rejects when the caller stops waiting first. */
  #untilLed(options: CallOptions = {}): Promise<void> {
    if (this.#leader !== noMember) return Promise.resolve();
    const { signal, timeoutMs = Infinity } = options;
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => (): void => {
        clearTimeout(timer);
        this.#leaderWaits.delete(wake);
        this.#waitsChanged();
        signal?.removeEventListener('abort', cancel);
        end();
      };
      const wake = settle(resolve);
      const cancel = settle(() => reject(new KvorumError('CANCELLED', 'the caller cancelled')));
      const timer = setTimeout(
        settle(() => reject(new KvorumError('NO_LEADER', 'no leader within the time allowed'))),
        Math.min(this.#requestTimeoutMs, timeoutMs),
      );
      this.#leaderWaits.add(wake);
      this.#waitsChanged();
      if (signal?.aborted === true) cancel();
      else signal?.addEventListener('abort', cancel);
    });
  }
}

function settle<T>(promise: Promise<T>, completion: Completion<T>): void {
  promise.then(
    (value) => completion.resolve(value),
    (error: unknown) => completion.reject(error),
  );
}
