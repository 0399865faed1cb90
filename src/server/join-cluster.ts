import { setTimeout as delay } from 'node:timers/promises';
import { KvorumError } from '../base/errors.js';
import { firstLevels, type FeatureLevel, type LevelRange } from '../base/feature-levels.js';
import type { ClusterId, MemberId } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { connect, type KvorumClient, type ServerStatus } from '../client/index.js';
import { wrongServers } from '../client/wrong-server.js';
import type { MemberRecord } from '../fsm/members/membership.js';
import { ownPortAt } from './own-port.js';
import type { ReservedPorts } from './reserve-ports.js';
import { secretSizeBytes } from '../storage/data-folder/identity.js';

interface JoinOptions {
  readonly endpoints: readonly string[];
  readonly name: string;
  readonly raftAddress: string;
  /** Of this server. */
  readonly ports: ReservedPorts;
  readonly memberId: MemberId;
  /** Of this version. */
  readonly levels: LevelRange;
  /** As of ServerOptions. */
  readonly featureLevelMax: FeatureLevel;
  readonly timeoutMs: number;
  readonly log: Log;
  readonly signal: AbortSignal | undefined;
}

interface Joined {
  readonly clusterId: ClusterId;
  readonly members: readonly MemberRecord[];
  /** Empty in a cluster that was founded without one. */
  readonly secret: Uint8Array;
}

const attemptTimeoutMs = 5000;
const pauseMs = 500;
const askTimeoutMs = 1000;

/**
 * Asks the members at `endpoints` in turn to be let in, until one answers, none is left that could be a member, or
 * `timeoutMs` is over.
 *
 * @throws KvorumError OUTCOME_UNKNOWN when an attempt may have let this member in; after any other none has
 */
export async function joinCluster(options: JoinOptions): Promise<Joined> {
  const { log, signal } = options;
  const deadlineMs = performance.now() + options.timeoutMs;
  const candidates = new Candidates(options);
  let levels = heldLevels(options);
  let mayBeIn = false;
  try {
    for (;;) {
      try {
        return await attempt(candidates.client, options, levels, Math.max(1, deadlineMs - performance.now()));
      } catch (error) {
        if (!(error instanceof KvorumError)) throw error;
        mayBeIn ||= error.code === 'OUTCOME_UNKNOWN' && wrongServers(error).length === 0;
        if (signal?.aborted === true) throw failure(asked(), mayBeIn);
        // A level that the cluster has reached is held back by nobody.
        if (error.code === 'VERSION_MISMATCH' && levels.max < options.levels.max) {
          levels = { ...levels, max: levels.max + 1 };
          continue;
        }
        if (await candidates.strike(error)) {
          if (candidates.endpoints.length === 0) throw failure(candidates.refusal(), mayBeIn);
          continue;
        }
        if (!mayPass(error) || performance.now() + pauseMs > deadlineMs) {
          throw failure(candidates.refusal(error), mayBeIn);
        }
        log.warn({ through: candidates.endpoints.join(','), reason: error.message }, 'joining again');
        // The abort itself is seen by the next attempt.
        await delay(pauseMs, undefined, { signal }).catch(() => {});
      }
    }
  } finally {
    candidates.close();
  }
}

/** The servers that may be members, as far as is known. */
class Candidates {
  readonly #options: JoinOptions;
  #endpoints: readonly string[];
  #client: KvorumClient | undefined;
  /** The others: what each is. */
  readonly #wrong = new Map<string, string>();
  #ownSought = false;

  constructor(options: JoinOptions) {
    this.#options = options;
    this.#endpoints = options.endpoints;
  }

  get endpoints(): readonly string[] {
    return this.#endpoints;
  }

  get client(): KvorumClient {
    return (this.#client ??= connect({ endpoints: this.#endpoints, connectTriesMax: 1 }));
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /** Strikes off what can be no member, as an attempt that failed has shown. @returns whether anything was */
  async strike(error: KvorumError): Promise<boolean> {
    const found = new Map(wrongServers(error).map(({ endpoint, message }) => [endpoint, message]));
    if (!this.#ownSought) for (const each of await this.#own()) found.set(...each);
    this.#ownSought = true;
    for (const [endpoint, what] of found) {
      this.#wrong.set(endpoint, what);
      this.#options.log.warn({ address: endpoint, reason: what }, 'cannot join through this address');
    }
    if (found.size === 0) return false;
    this.#endpoints = this.#endpoints.filter((endpoint) => !found.has(endpoint));
    this.close();
    return true;
  }

  /** This server's own ports answer nobody yet, so nothing but where a connection ends can tell. */
  async #own(): Promise<readonly (readonly [endpoint: string, what: string])[]> {
    const told = await Promise.all(
      this.#endpoints.map(async (endpoint) => {
        const own = await ownPortAt(endpoint, this.#options.ports);
        const advice = 'name the client port (-grpcport) of a member of the cluster';
        return own === undefined
          ? undefined
          : ([endpoint, `that is this server's own ${own} port: ${advice}`] as const);
      }),
    );
    return told.filter((each) => each !== undefined);
  }

  /** @param last why those that are left did not let this member in */
  refusal(last?: KvorumError): KvorumError {
    const wrong = [...this.#wrong].map(([endpoint, what]) => `-join=${endpoint}: ${what}`);
    if (last === undefined) return new KvorumError('INVALID_REQUEST', wrong.join('; '));
    return wrong.length === 0
      ? last
      : new KvorumError(last.code, [last.message, ...wrong].join('; '), { cause: last });
  }
}

function heldLevels({ levels, featureLevelMax }: JoinOptions): LevelRange {
  return { ...levels, max: Math.max(levels.min, Math.min(levels.max, featureLevelMax)) };
}

async function attempt(
  client: KvorumClient,
  options: JoinOptions,
  levels: LevelRange,
  remainingMs: number,
): Promise<Joined> {
  const { name, raftAddress, memberId, signal } = options;
  const timeoutMs = Math.min(attemptTimeoutMs, remainingMs);
  const { clusterId, members, secret } = await client.join(
    { name, raftAddress, id: memberId, featureLevels: levels },
    { timeoutMs, ...(signal === undefined ? {} : { signal }) },
  );
  if (secret.length !== 0 && secret.length !== secretSizeBytes) {
    throw new KvorumError(
      'INTERNAL',
      `let in with a secret of ${secret.length} bytes, not ${secretSizeBytes}`,
    );
  }
  return {
    clusterId,
    secret,
    members: members.map((each) => ({
      id: each.id,
      name: each.name,
      peerAddress: each.raftAddress,
      clientAddress: each.clientAddress,
      promoteWhenReady: false,
      levels: firstLevels,
    })),
  };
}

/** Joining twice with one id is harmless, so an unknown outcome may be asked again too. */
function mayPass(error: KvorumError): boolean {
  return ['UNAVAILABLE', 'UNKNOWN', 'DEADLINE_EXCEEDED'].includes(error.grpcStatus);
}

function asked(): KvorumError {
  return new KvorumError('MEMBER_STOPPING', 'asked to stop before the cluster had let this member in');
}

function failure(error: KvorumError, mayBeIn: boolean): KvorumError {
  if (!mayBeIn || error.code === 'OUTCOME_UNKNOWN') return error;
  const message = `${error.message}; an earlier attempt may have let this member in: start it again to go on`;
  return new KvorumError('OUTCOME_UNKNOWN', message, { cause: error });
}

/** What the servers at `endpoints` say of themselves and their clusters, as far as they answer at once. */
export async function statusesAt(endpoints: readonly string[]): Promise<readonly ServerStatus[]> {
  if (endpoints.length === 0) return [];
  const client = connect({ endpoints, timeoutMs: askTimeoutMs, connectTriesMax: 1 });
  try {
    const told = await Promise.allSettled(endpoints.map((endpoint) => client.status(endpoint)));
    return told.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  } finally {
    client.close();
  }
}
