import { parseHostPort } from '../base/address.js';
import { KvorumError } from '../base/errors.js';
import {
  toConditionalResult,
  toDeleteResult,
  toPair,
  toSetResult,
  toText,
  toValue,
  type Answer,
} from './answers.js';
import { Batcher } from './batcher.js';
import { clientClosed, Endpoints, endpointsDefaults } from './endpoints.js';
import type { listPages, ListOptions } from './listing.js';
import type * as methods from './methods.js';
import type { OperationKind } from './operation.js';
import {
  checkExpectedRevision,
  checkId,
  checkLevel,
  checkObject,
  checkReadOptions,
  checkText,
  checkTimeout,
  checkTries,
  clientTimeoutMsDefault,
  makeClientLimits,
  parseEndpoints,
  type CallOptions,
  type ClientOptions,
  type ReadOptions,
  checkWholeNumber,
} from './options.js';
import {
  toClusterMember,
  toServerStatus,
  type ClusterMembers,
  type ConditionalResult,
  type DeleteResult,
  type FeatureLevelRange,
  type JoinResult,
  type KeyValue,
  type ServerStatus,
  type SetResult,
  type TextKeyValue,
  toSafeNumber,
} from './results.js';
import { contentId, pairToText, utf8SizeBytes } from './text.js';
import type { UnaryMethod, Wait } from './unary-calls.js';

/** A member, by its id (bigint) or its name. */
export type MemberReference = bigint | string;

/**
 * Connects when the first call needs it. The client stays with one server and goes on to the next when that one
 * cannot serve. It holds no process alive while it has nothing to do.
 *
 * @throws KvorumError INVALID_REQUEST for options that cannot work
 */
export function connect(options: ClientOptions): KvorumClient {
  return new KvorumClient(options);
}

/**
 * The typed client. Calls of one turn of the event loop travel as one request, and so do calls made while earlier
 * requests are on their way.
 *
 * Calls on one key take effect in the order they are made, awaited or not. Calls on different keys that do not
 * await each other may take effect in any order.
 *
 * Every call rejects with KvorumError. A write that may or may not have taken effect rejects with OUTCOME_UNKNOWN,
 * and is never repeated; with any other code it did nothing.
 */
export class KvorumClient {
  readonly #endpoints: Endpoints;
  readonly #timeoutMs: number;
  readonly #connectTriesMax: number;
  readonly #batcher: Batcher;
  /** Apart, because these need no quorum and must not wait behind what does. */
  readonly #localBatcher: Batcher;
  readonly #responseSizeBytesMax: number;
  readonly #others = new Set<Endpoints>();
  #closed = false;

  /** @throws KvorumError INVALID_REQUEST */
  constructor(options: ClientOptions) {
    checkObject('options', options);
    const limits = makeClientLimits(options.limits);
    this.#timeoutMs = checkTimeout(options.timeoutMs ?? clientTimeoutMsDefault);
    this.#connectTriesMax = checkTries(options.connectTriesMax);
    this.#responseSizeBytesMax = limits.responseSizeBytesMax;
    this.#endpoints = this.#connectTo(parseEndpoints(options.endpoints));
    this.#batcher = new Batcher(this.#endpoints, limits);
    this.#localBatcher = new Batcher(this.#endpoints, limits);
  }

  /**
   * The value as text; undefined: no such key.
   *
   * Rejects with INVALID_VALUE if the value is no UTF-8: then take getBytes.
   */
  get(key: string | Uint8Array, options?: ReadOptions): Promise<string | undefined> {
    return this.#operate('get', key, '', options, toText);
  }

  /** The value; undefined: no such key. */
  getBytes(key: string | Uint8Array, options?: ReadOptions): Promise<Uint8Array | undefined> {
    return this.#operate('get', key, '', options, toValue);
  }

  /** The value with its revisions; undefined: no such key. */
  getPair(key: string | Uint8Array, options?: ReadOptions): Promise<KeyValue | undefined> {
    return this.#operate('get', key, '', options, toPair);
  }

  set(key: string | Uint8Array, value: string | Uint8Array, options?: CallOptions): Promise<SetResult> {
    return this.#operate('put', key, value, options, toSetResult);
  }

  /** Deleting a missing key is no error. */
  delete(key: string | Uint8Array, options?: CallOptions): Promise<DeleteResult> {
    return this.#operate('delete', key, '', options, toDeleteResult);
  }

  /**
   * Sets the key only if its mod revision, which getPair tells, is still the expected one. The comparison and the
   * write are one step.
   *
   * @param expectedModRevision 0: only if there is no such key
   */
  async compareAndSet(
    key: string | Uint8Array,
    expectedModRevision: number,
    value: string | Uint8Array,
    options?: CallOptions,
  ): Promise<ConditionalResult> {
    const expected = checkExpectedRevision(expectedModRevision);
    return this.#operate('put', key, value, options, toConditionalResult, expected);
  }

  /** Deletes the key only if its mod revision is still the expected one, as compareAndSet. */
  async compareAndDelete(
    key: string | Uint8Array,
    expectedModRevision: number,
    options?: CallOptions,
  ): Promise<ConditionalResult> {
    const expected = checkExpectedRevision(expectedModRevision);
    return this.#operate('delete', key, '', options, toConditionalResult, expected);
  }

  /**
   * The pairs of a range as text, in the byte order of their keys, all at one revision.
   *
   * Rejects with INVALID_KEY or INVALID_VALUE at a pair that is no UTF-8: then take listBytes.
   */
  async *list(options: ListOptions = {}): AsyncGenerator<TextKeyValue, void, undefined> {
    for await (const { pairs } of this.listPages(options)) {
      for (const pair of pairs) yield pairToText(pair);
    }
  }

  /** As list, with keys and values as bytes. */
  async *listBytes(options: ListOptions = {}): AsyncGenerator<KeyValue, void, undefined> {
    for await (const { pairs } of this.listPages(options)) yield* pairs;
  }

  /** As listBytes, page by page: cheaper for many pairs, and tells the revision. */
  async *listPages(options: ListOptions = {}): ReturnType<typeof listPages> {
    const wait = this.#wait(options);
    const listing = await import('./listing.js');
    yield* listing.listPages(this.#endpoints, options, wait);
  }

  async members(options: ReadOptions = {}): Promise<ClusterMembers> {
    checkReadOptions(options);
    const request = { serializable: options.serializable ?? false };
    const { clusterId, members } = await this.#call((all) => all.memberList, request, options);
    return { clusterId, members: members.map(toClusterMember) };
  }

  /**
   * What one server says about itself, without a round of consensus.
   *
   * @param endpoint which one; the connected one if it is not given
   */
  async status(endpoint?: string, options: CallOptions = {}): Promise<ServerStatus> {
    if (endpoint === undefined) {
      const told = await this.#call((all) => all.status, {}, options);
      return toServerStatus(this.#endpoints.ready?.endpoint ?? '', told);
    }
    if (this.#closed) throw clientClosed();
    parseHostPort('endpoint', checkText('endpoint', endpoint));
    const wait = this.#wait(options);
    const only = this.#connectTo([endpoint]);
    this.#others.add(only);
    try {
      const { callUnary, status } = await loadMethods();
      return toServerStatus(endpoint, await callUnary(only, status, {}, wait));
    } finally {
      this.#others.delete(only);
      only.close();
    }
  }

  /**
   * Adds a member, as a learner that is promoted when it is up and has caught up. Servers do this for themselves.
   *
   * @param member.id chosen by the member and kept by it; 0n or nothing: the cluster chooses
   * @param member.featureLevels that it can live with; nothing: the first alone
   */
  async join(
    member: {
      readonly name: string;
      readonly raftAddress: string;
      readonly id?: bigint;
      readonly featureLevels?: FeatureLevelRange;
    },
    options: CallOptions = {},
  ): Promise<JoinResult> {
    checkObject('member', member);
    const request = {
      nodeId: checkText('member.name', member.name),
      raftAddr: checkText('member.raftAddress', member.raftAddress),
      memberId: member.id === undefined ? 0n : checkId('member.id', member.id),
      featureLevelMin: checkLevel('member.featureLevels.min', member.featureLevels?.min),
      featureLevelMax: checkLevel('member.featureLevels.max', member.featureLevels?.max),
    };
    const { clusterId, memberId, members, clusterSecret } = await this.#call(
      (all) => all.join,
      request,
      options,
    );
    return {
      clusterId,
      memberId,
      members: members.map((told) => ({
        id: told.memberId,
        name: told.nodeId,
        raftAddress: told.raftAddr,
        clientAddress: told.clientAddr,
      })),
      secret: clusterSecret,
    };
  }

  async removeMember(member: MemberReference, options: CallOptions = {}): Promise<void> {
    await this.#call((all) => all.memberRemove, toTarget(member), options);
  }

  /** Makes a learner a voter. Rejects with LEARNER_NOT_READY before it is up and has caught up. */
  async promoteMember(member: MemberReference, options: CallOptions = {}): Promise<void> {
    await this.#call((all) => all.memberPromote, toTarget(member), options);
  }

  /** Tells the cluster that a member's Raft port is reached at another address. */
  async updateMember(member: MemberReference, raftAddress: string, options: CallOptions = {}): Promise<void> {
    const request = { ...toTarget(member), raftAddr: checkText('raftAddress', raftAddress) };
    await this.#call((all) => all.memberChangeAddress, request, options);
  }

  /**
   * @param member the voter that is to lead; without it the most caught-up one
   * @returns who leads now
   */
  async transferLeadership(
    member?: MemberReference,
    options: CallOptions = {},
  ): Promise<{ readonly id: bigint; readonly name: string }> {
    const target = member === undefined ? { id: 0n, name: '' } : toTarget(member);
    const { leaderId, leaderName } = await this.#call((all) => all.transferLeader, target, options);
    return { id: leaderId, name: leaderName };
  }

  /**
   * Forgets what no revision from `revision` on can see; what is overwritten or deleted already, if none is given.
   * Rejects with REVISION_COMPACTED if that one is compacted already, REVISION_IN_FUTURE if there is no such revision.
   *
   * @returns the oldest revision that can be read now
   */
  async compact(revision?: number, options: CallOptions = {}): Promise<number> {
    const asked = checkWholeNumber('revision', revision ?? 0, Number.MAX_SAFE_INTEGER);
    const answer = await this.#call((all) => all.compact, { revision: BigInt(asked) }, options);
    return toSafeNumber('compactRevision', answer.compactRevision);
  }

  /**
   * The cluster that it talks to: the first that did what it was asked; undefined before that. Members of any other refuse its
   * calls with WRONG_CLUSTER.
   */
  get clusterId(): bigint | undefined {
    return this.#endpoints.cluster;
  }

  /** Talks to this cluster alone, before any has answered. Members of any other refuse its calls with WRONG_CLUSTER. */
  requireCluster(clusterId: bigint): void {
    this.#endpoints.requireCluster(checkId('clusterId', clusterId));
  }

  /** Ends the connections. What waits is rejected: CLIENT_CLOSED, or OUTCOME_UNKNOWN for writes that were sent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#batcher.close();
    this.#localBatcher.close();
    this.#endpoints.close();
    for (const endpoints of this.#others) endpoints.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #connectTo(endpoints: readonly string[]): Endpoints {
    return new Endpoints(endpoints, {
      ...endpointsDefaults,
      responseSizeBytesMax: this.#responseSizeBytesMax,
      connectTriesMax: this.#connectTriesMax,
    });
  }

  #wait(options: CallOptions): Wait {
    checkReadOptions(options);
    return { timeoutMs: options.timeoutMs ?? this.#timeoutMs, signal: options.signal };
  }

  async #call<Request, Response>(
    choose: (all: typeof methods) => UnaryMethod<Request, Response>,
    request: Request,
    options: CallOptions,
  ): Promise<Response> {
    const wait = this.#wait(options);
    const all = await loadMethods();
    return all.callUnary(this.#endpoints, choose(all), request, wait);
  }

  /** These calls come by the hundred thousand: one promise for each, and nothing that awaits another. */
  #operate<T>(
    kind: OperationKind,
    key: string | Uint8Array,
    value: string | Uint8Array,
    options: ReadOptions = noOptions,
    answer: Answer<T>,
    expectedModRevision?: number,
  ): Promise<T> {
    // What is thrown rejects.
    return new Promise<T>((resolve, reject) => {
      const valueSizeBytes = utf8SizeBytes('INVALID_VALUE', 'value', value);
      const keySizeBytes = utf8SizeBytes('INVALID_KEY', 'key', key);
      if (options !== noOptions) checkReadOptions(options);
      const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
      const serializable = options.serializable ?? false;
      if (this.#closed) throw clientClosed();
      (serializable ? this.#localBatcher : this.#batcher).add({
        kind,
        key,
        keyId: contentId(key),
        keySizeBytes,
        value,
        valueSizeBytes,
        serializable,
        expectedModRevision,
        deadlineMs: Math.ceil(performance.now() + timeoutMs),
        answer,
        resolve: resolve as (answer: unknown) => void,
        reject,
        signal: options.signal,
        onAbort: undefined,
        sent: false,
        lastError: undefined,
        settled: false,
      });
    });
  }
}

const noOptions: ReadOptions = {};

/** The generated code takes its time to load, and most programs only get and set. */
function loadMethods(): Promise<typeof methods> {
  return import('./methods.js');
}

function toTarget(member: MemberReference): { readonly id: bigint; readonly name: string } {
  if (typeof member === 'bigint') return { id: checkId('member', member), name: '' };
  if (typeof member === 'string' && member !== '') return { id: 0n, name: checkText('member', member) };
  throw new KvorumError('INVALID_REQUEST', 'a member must be named by its id or its name');
}
