import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ApiServer } from './api/api-server.js';
import { cluster } from './api/kvstore/cluster.js';
import { keyValueStore } from './api/kvstore/key-value-store.js';
import { store } from './api/kvstore/store.js';
import { memberMetrics } from './api/member-metrics.js';
import { makeApiLimits, type ApiLimits } from './api/limits.js';
import { formatHostPort } from './base/address.js';
import { KvorumError } from './base/errors.js';
import { formatId, noMember, type ClusterId } from './base/ids.js';
import { Prng, randomId } from './base/prng.js';
import type { MemberRecord } from './fsm/membership.js';
import { clustersAt, joinCluster } from './join-cluster.js';
import { memberDefaults } from './member/options.js';
import { openMember, walFolder } from './member/open.js';
import type { StopReason } from './member/parts.js';
import type { RaftMember } from './member/raft-member.js';
import { TcpPeers } from './peer/tcp-peers.js';
import { RealClock } from './ports/real-clock.js';
import { reservePorts } from './reserve-ports.js';
import { checkServerOptions, serverDefaults, type ServerOptions } from './server-options.js';
import { LmdbBackend } from './storage/backend/lmdb-backend.js';
import { DataFolder, type Identity } from './storage/data-folder/data-folder.js';
import { version } from './version.js';

export { serverDefaults, type ServerOptions } from './server-options.js';
export type { StopReason } from './member/parts.js';

export interface RunningServer {
  readonly name: string;
  /** host:port for clients. */
  readonly grpcAddress: string;
  /** host:port for members. */
  readonly raftAddress: string;
  readonly dataDir: string;
  /** Why it ended; the process may exit then. */
  readonly stopped: Promise<StopReason>;
  /** Hands leadership over, ends what is being served, and stops. */
  stop(): Promise<void>;
}

/** How long open calls may go on once a stop was asked for. */
const drainTimeoutMs = 2000;
const stateFolder = 'state';

/**
 * Starts one member on the real disk and network. Rejects with KvorumError when the options, the ports, the
 * data folder or the cluster do not fit; nothing is left running then, and nothing of a folder that was new.
 *
 * @param signal ends a start that is still going on: it rejects with MEMBER_STOPPING
 */
export async function startServer(
  given: Partial<ServerOptions> & Pick<ServerOptions, 'dataDir' | 'log'>,
  signal?: AbortSignal,
): Promise<RunningServer> {
  const host = given.host ?? serverDefaults.host;
  const options: ServerOptions = { ...serverDefaults, host, advertiseHost: host, ...given };
  checkServerOptions(options);
  const limits = makeApiLimits({
    valueSizeBytesMax: options.valueSizeBytesMax,
    connectionsMax: options.connectionsMax,
  });
  const folder = await DataFolder.open(options.dataDir, options.id);
  const entered = await enterFrom(folder, options, signal);
  try {
    return await startIn(folder, options, limits, entered, signal);
  } catch (error) {
    await folder.close();
    throw error;
  }
}

interface Addresses {
  readonly grpcPort: number;
  readonly raftPort: number;
  readonly grpcAddress: string;
  readonly raftAddress: string;
}

interface Entered {
  readonly addresses: Addresses;
  readonly entrance: Entrance;
}

/** Takes the folder back where it is certain that no cluster counts on it. */
async function enterFrom(folder: DataFolder, options: ServerOptions, signal?: AbortSignal): Promise<Entered> {
  try {
    const { host, advertiseHost } = options;
    const [grpcPort, raftPort] = await reservePorts(host, [
      { field: 'grpcport', port: options.grpcPort },
      { field: 'raftport', port: options.raftPort },
    ]);
    const addresses: Addresses = {
      grpcPort: grpcPort!,
      raftPort: raftPort!,
      grpcAddress: formatHostPort(advertiseHost, grpcPort!),
      raftAddress: formatHostPort(advertiseHost, raftPort!),
    };
    return { addresses, entrance: await enter(folder, options, addresses, signal) };
  } catch (error) {
    if (error instanceof KvorumError && error.outcome === 'not-applied') await folder.abandon();
    else await folder.close();
    throw error;
  }
}

async function startIn(
  folder: DataFolder,
  options: ServerOptions,
  limits: ApiLimits,
  { addresses, entrance }: Entered,
  signal?: AbortSignal,
): Promise<RunningServer> {
  const member = await openRealMember(folder, options, addresses, entrance);
  const { identity } = entrance;
  const api = new ApiServer({
    services: [keyValueStore(member, limits), store(member, limits), cluster(member)],
    limits,
    log: options.log,
    version,
    metrics: () => memberMetrics(member),
  });
  const showHealth = (): void => api.setServing(member.status().leader !== noMember);
  member.onChange(showHealth);
  try {
    // From its start on it may get a vote that others count on, so no later start asks them first.
    if (identity.state === 'joining') await folder.saveIdentity({ ...identity, state: 'learning' });
    await member.start();
    await caughtUpOnce(member, options.joinTimeoutMs, signal);
    // Its state names it: from now on it starts without being told to found or to join.
    if (identity.state !== 'member') await folder.saveIdentity({ ...identity, state: 'member' });
    await api.listen(options.host, addresses.grpcPort);
  } catch (error) {
    await member.stop();
    throw error;
  }
  showHealth();
  options.log.info(
    {
      id: options.id,
      grpc: addresses.grpcAddress,
      raft: addresses.raftAddress,
      data: options.dataDir,
      version,
    },
    'member is up',
  );
  return run(folder, options, addresses, member, api);
}

function run(
  folder: DataFolder,
  options: ServerOptions,
  addresses: Addresses,
  member: RaftMember,
  api: ApiServer,
): RunningServer {
  const stopped = member.stopped.then(async (reason) => {
    await api.closeGracefully(reason.kind === 'requested' ? drainTimeoutMs : 0);
    await folder.close();
    options.log.info({ reason: reason.kind }, 'member has stopped');
    return reason;
  });
  return {
    name: options.id,
    grpcAddress: addresses.grpcAddress,
    raftAddress: addresses.raftAddress,
    dataDir: options.dataDir,
    stopped,
    stop: async () => {
      options.log.info({}, 'stopping');
      await member.handOver();
      await api.closeGracefully(drainTimeoutMs);
      await member.stop();
      await stopped;
    },
  };
}

interface Entrance {
  readonly identity: Identity;
  readonly contacts: readonly MemberRecord[];
  readonly found: boolean;
}

/** Who this member is: from its folder, by founding a cluster, or by joining one. */
async function enter(
  folder: DataFolder,
  options: ServerOptions,
  addresses: Addresses,
  signal?: AbortSignal,
): Promise<Entrance> {
  const known = folder.identity;
  if (known !== undefined && known.state !== 'joining') {
    const found = known.state === 'founding';
    if (!found) await requireLog(folder, options);
    await checkCluster(options, known);
    return { identity: known, contacts: [], found };
  }
  if (options.bootstrap && known === undefined) {
    const identity: Identity = {
      clusterId: randomId(entropy()),
      memberId: randomId(entropy()),
      name: options.id,
      state: 'founding',
    };
    await folder.saveIdentity(identity);
    options.log.info({ cluster: formatId(identity.clusterId) }, 'founding a new cluster');
    return { identity, contacts: [], found: true };
  }
  if (options.join.length === 0) {
    throw new KvorumError(
      'INVALID_REQUEST',
      known === undefined
        ? `data folder ${options.dataDir} is empty: start with -bootstrap to found a cluster, or with -join=HOST:PORT to join one`
        : `member ${options.id} had begun to join a cluster: start it with -join=HOST:PORT (any member's client address) to go on, or with an empty data folder`,
    );
  }
  return joinAsNew(folder, options, addresses, signal);
}

/** A member that starts with -join again may have been given another cluster's address. */
async function checkCluster(options: ServerOptions, { clusterId }: Identity): Promise<void> {
  for (const { endpoint, clusterId: found } of await clustersAt(options.join)) {
    if (found !== clusterId) throw wrongCluster(options, clusterId, endpoint, found);
  }
}

function wrongCluster(
  { dataDir }: ServerOptions,
  own: ClusterId,
  endpoint: string,
  found: ClusterId,
): KvorumError {
  return new KvorumError(
    'WRONG_CLUSTER',
    `data folder ${dataDir} belongs to cluster ${formatId(own)}, but ${endpoint} is of cluster ${formatId(found)}`,
  );
}

/** Without it, this member would forget its votes and what it acknowledged: it must not take part any more. */
async function requireLog(folder: DataFolder, options: ServerOptions): Promise<void> {
  if ((await folder.disk.list(walFolder)).length > 0) return;
  throw new KvorumError(
    'DATA_DAMAGED',
    `data folder ${options.dataDir} has lost its log (folder ${walFolder}): restore the folder as a whole, or remove this member and join it anew with an empty one`,
  );
}

/** The id is kept before the cluster hears it, so that a join that was cut short is taken up again. */
async function joinAsNew(
  folder: DataFolder,
  options: ServerOptions,
  addresses: Addresses,
  signal?: AbortSignal,
): Promise<Entrance> {
  let identity: Identity = folder.identity ?? {
    clusterId: 0n,
    memberId: randomId(entropy()),
    name: options.id,
    state: 'joining',
  };
  await folder.saveIdentity(identity);
  const answer = await joinCluster({
    endpoints: options.join,
    name: options.id,
    raftAddress: addresses.raftAddress,
    memberId: identity.memberId,
    timeoutMs: options.joinTimeoutMs,
    log: options.log,
    signal,
  });
  if (identity.clusterId !== 0n && identity.clusterId !== answer.clusterId) {
    throw wrongCluster(options, identity.clusterId, options.join.join(', '), answer.clusterId);
  }
  identity = { ...identity, clusterId: answer.clusterId };
  await folder.saveIdentity(identity);
  options.log.info({ cluster: formatId(answer.clusterId) }, 'joined; catching up');
  return { identity, contacts: answer.members, found: false };
}

/** A new member serves when the cluster's state has reached it for the first time: before, it knows nothing. */
function caughtUpOnce(member: RaftMember, timeoutMs: number, signal?: AbortSignal): Promise<void> {
  if (member.holdsOwnRecord()) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const end = (error?: Error): void => {
      clearTimeout(timer);
      ignore();
      signal?.removeEventListener('abort', stop);
      if (error === undefined) resolve();
      else reject(error);
    };
    const timer = setTimeout(() => {
      const message = `this member was let in, but the cluster sent no state within ${timeoutMs} ms; start it again to go on`;
      end(new KvorumError('NO_LEADER', message));
    }, timeoutMs);
    const ignore = member.onChange(() => {
      if (member.holdsOwnRecord()) end();
    });
    const stop = (): void => end(new KvorumError('MEMBER_STOPPING', 'asked to stop before it was up'));
    signal?.addEventListener('abort', stop);
    if (signal?.aborted === true) stop();
    void member.stopped.then((reason) => {
      if (reason.kind === 'failed') end(reason.error);
      else if (reason.kind === 'removed') end(new KvorumError('MEMBER_REMOVED', reason.message));
      else end(new KvorumError('MEMBER_STOPPING', 'stopped'));
    });
  });
}

async function openRealMember(
  folder: DataFolder,
  options: ServerOptions,
  addresses: Addresses,
  entrance: Entrance,
): Promise<RaftMember> {
  const clock = new RealClock();
  const { identity } = entrance;
  await folder.disk.makeFolder(stateFolder);
  const backend = await LmdbBackend.open(join(folder.path, stateFolder), { clock });
  const peers = new TcpPeers({
    identity: {
      clusterId: identity.clusterId,
      memberId: identity.memberId,
      name: identity.name,
      address: addresses.raftAddress,
    },
    listenHost: options.host,
    listenPort: addresses.raftPort,
    random: entropy(),
    clock,
    log: options.log,
  });
  try {
    return await openMember({
      clusterId: identity.clusterId,
      id: identity.memberId,
      name: identity.name,
      version,
      clientAddress: addresses.grpcAddress,
      peerAddress: addresses.raftAddress,
      found: entrance.found,
      contacts: entrance.contacts,
      options: {
        ...memberDefaults,
        heartbeatIntervalMs: options.heartbeatIntervalMs,
        electionTimeoutMs: options.electionTimeoutMs,
        leaseReads: options.leaseReads,
        requestTimeoutMs: options.requestTimeoutMs,
        logEntriesKept: options.logEntriesKept,
      },
      disk: folder.disk,
      backend,
      peers,
      clock,
      random: entropy(),
      log: options.log,
    });
  } catch (error) {
    await backend.close();
    throw error;
  }
}

/** A generator that no other member has: its seed is the operating system's. */
function entropy(): Prng {
  return new Prng(randomBytes(8).readBigUInt64LE());
}
