import { join } from 'node:path';
import { availableMemoryBytes, fitMemory } from './available-memory.js';
import { ApiServer } from '../api/api-server.js';
import { cluster } from '../api/kvstore/cluster.js';
import { keyValueStore } from '../api/kvstore/key-value-store.js';
import { store } from '../api/kvstore/store.js';
import { hostMetrics, memberMetrics } from '../api/member-metrics.js';
import { makeApiLimits, type ApiLimits } from '../api/limits.js';
import { formatHostPort } from '../base/address.js';
import { KvorumError } from '../base/errors.js';
import { enter, entropy, type Addresses, type Entrance } from './entrance.js';
import { firstState } from './first-state.js';
import { HostWatch } from './host-watch.js';
import { memberDefaults, type MemberOptions } from '../member/options.js';
import { openMember } from '../member/open.js';
import type { StopReason } from '../member/parts.js';
import type { RaftMember } from '../member/raft-member.js';
import { TcpPeers } from '../peer/tcp-peers.js';
import { openFilesMax } from './open-files-max.js';
import { fitConnections, type ConnectionLimits } from './open-files.js';
import { RealClock } from '../ports/real-clock.js';
import { releasePorts, reservePorts, type ReservedPorts } from './reserve-ports.js';
import { checkServerOptions, serverDefaults, type ServerOptions } from './server-options.js';
import { LmdbBackend } from '../storage/backend/lmdb-backend.js';
import { DataFolder } from '../storage/data-folder/data-folder.js';
import { readPassedOver } from '../storage/data-folder/passed-over-file.js';
import { DescriptorWait } from '../storage/disk/descriptor-wait.js';
import { PatientDisk } from '../storage/disk/patient-disk.js';
import { version } from '../version.js';

export { serverDefaults, type ServerOptions } from './server-options.js';
export type { StopReason } from '../member/parts.js';

export interface RunningServer {
  readonly name: string;
  /** host:port for clients. */
  readonly grpcAddress: string;
  /** host:port for members. */
  readonly raftAddress: string;
  readonly dataDir: string;
  /** In memory for clients: streams, requests, answers. */
  readonly heldBytes: () => number;
  /** Why it ended; the process may exit then. */
  readonly stopped: Promise<StopReason>;
  /** Hands leadership over, ends what is being served, and stops. */
  stop(): Promise<void>;
}

/** How long open calls may go on once a stop was asked for. */
const drainTimeoutMs = 2000;
export const stateFolder = 'state';

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
  const connections = fitConnections(options.connectionsMax, openFilesMax(), options.log);
  const limits = makeApiLimits({
    valueSizeBytesMax: options.valueSizeBytesMax,
    connectionsMax: connections.clientConnectionsMax,
    memoryBytesMax: fitMemory(availableMemoryBytes()).clientBytes,
  });
  const folder = await DataFolder.open(options.dataDir, options.id);
  const entered = await enterFrom(folder, options, signal);
  const watch = await HostWatch.start(folder.path, options.log);
  try {
    return await startIn({ folder, options, limits, connections, host: watch, ...entered }, signal);
  } catch (error) {
    watch.close();
    await releasePorts(entered.ports);
    await folder.close();
    throw error;
  }
}

interface Entered {
  readonly ports: ReservedPorts;
  readonly addresses: Addresses;
  readonly entrance: Entrance;
}

/** What one start has gathered. */
interface Start extends Entered {
  readonly folder: DataFolder;
  readonly options: ServerOptions;
  readonly limits: ApiLimits;
  readonly connections: ConnectionLimits;
  readonly host: HostWatch;
}

/** Takes the folder back where it is certain that no cluster counts on it. */
async function enterFrom(folder: DataFolder, options: ServerOptions, signal?: AbortSignal): Promise<Entered> {
  let ports: ReservedPorts | undefined;
  try {
    await folder.beginStart(new RealClock().wallMs(), entropy());
    const { host, advertiseHost } = options;
    ports = await reservePorts(host, options);
    const addresses: Addresses = {
      grpcAddress: formatHostPort(advertiseHost, ports.grpc.port),
      raftAddress: formatHostPort(advertiseHost, ports.raft.port),
    };
    return { ports, addresses, entrance: await enter(folder, options, { ...addresses, ports }, signal) };
  } catch (error) {
    if (ports !== undefined) await releasePorts(ports);
    if (error instanceof KvorumError && error.outcome === 'not-applied') await folder.abandon();
    else await folder.close();
    throw error;
  }
}

async function startIn(start: Start, signal?: AbortSignal): Promise<RunningServer> {
  const { folder, options, limits, ports, addresses, entrance, host } = start;
  const member = await openRealMember(start);
  const { identity } = entrance;
  const api = new ApiServer({
    services: [keyValueStore(member, limits), store(member, limits), cluster(member, () => host.status)],
    limits,
    log: options.log,
    version,
    clusterId: identity.clusterId,
    metrics: () => [...memberMetrics(member), ...hostMetrics(host.status)],
  });
  const showHealth = (): void => api.setServing(member.serving);
  member.onChange(showHealth);
  try {
    // From its start on it may get a vote that others count on, so no later start asks them first.
    if (identity.state === 'joining') await folder.saveIdentity({ ...identity, state: 'learning' });
    await member.start();
    await firstState(member, { clock: new RealClock(), log: options.log, signal });
    // Its state names it: from now on it starts without being told to found or to join.
    if (identity.state !== 'member') await folder.saveIdentity({ ...identity, state: 'member' });
    await api.listen(options.host, ports.grpc.port, ports.grpc.take());
  } catch (error) {
    await member.stop();
    throw error;
  }
  member.announce();
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
  return run(start, member, api);
}

function run({ folder, options, addresses, host }: Start, member: RaftMember, api: ApiServer): RunningServer {
  const stopped = member.stopped.then(async (reason) => {
    await api.closeGracefully(reason.kind === 'requested' ? drainTimeoutMs : 0);
    host.close();
    await folder.close();
    options.log.info({ reason: reason.kind }, 'member has stopped');
    return reason;
  });
  return {
    name: options.id,
    grpcAddress: addresses.grpcAddress,
    raftAddress: addresses.raftAddress,
    dataDir: options.dataDir,
    heldBytes: () => api.heldBytes,
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

function memberMemory(): Partial<MemberOptions> {
  const { waitingWritesBytes } = fitMemory(availableMemoryBytes());
  return {
    uncommittedSizeBytesMax: waitingWritesBytes,
    stateBacklogSizeBytesMax: waitingWritesBytes,
    logMemorySizeBytes: Math.min(memberDefaults.logMemorySizeBytes, waitingWritesBytes),
  };
}

async function openRealMember(start: Start): Promise<RaftMember> {
  const { folder, options, ports, addresses, entrance, connections } = start;
  const clock = new RealClock();
  const { identity } = entrance;
  const descriptors = new DescriptorWait(clock, options.log);
  const disk = new PatientDisk(folder.disk, descriptors);
  await disk.makeFolder(stateFolder);
  const backend = await LmdbBackend.open(join(folder.path, stateFolder), {
    clock,
    descriptors,
    onShrink: (report) =>
      options.log.info({ ...report }, 'tried to give free space of the state back to the disk'),
  });
  const peers = new TcpPeers({
    identity: {
      clusterId: identity.clusterId,
      memberId: identity.memberId,
      name: identity.name,
      address: addresses.raftAddress,
      startEpoch: folder.startEpoch,
    },
    secret: identity.secret,
    listenHost: options.host,
    listenPort: ports.raft.port,
    reserved: ports.raft,
    random: entropy(),
    clock,
    log: options.log,
    connectionsMax: connections.peerConnectionsMax,
  });
  try {
    return await openMember({
      passedOver: await readPassedOver(folder.path, disk),
      clusterId: identity.clusterId,
      secret: identity.secret,
      id: identity.memberId,
      name: identity.name,
      version,
      clientAddress: addresses.grpcAddress,
      peerAddress: addresses.raftAddress,
      found: entrance.found,
      contacts: entrance.contacts,
      peerOverrides: options.peers,
      levelHeldMax: options.featureLevelMax,
      options: {
        ...memberDefaults,
        ...memberMemory(),
        heartbeatIntervalMs: options.heartbeatIntervalMs,
        electionTimeoutMs: options.electionTimeoutMs,
        leaseReads: options.leaseReads,
        requestTimeoutMs: options.requestTimeoutMs,
        logEntriesKept: options.logEntriesKept,
        compactionAgeMs: options.compactionAgeMs,
        compactionRevisions: options.compactionRevisions,
      },
      disk,
      backend,
      peers,
      stopWaiting: () => descriptors.end(),
      clock,
      random: entropy(),
      log: options.log,
    });
  } catch (error) {
    await backend.close();
    throw error;
  }
}
