import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { joinAnewAdvice } from '../base/advice.js';
import { emptyBytes } from '../base/bytes.js';
import { KvorumError } from '../base/errors.js';
import { knownLevels } from '../base/feature-levels.js';
import { formatId, type ClusterId } from '../base/ids.js';
import { Prng, randomId } from '../base/prng.js';
import type { MemberRecord } from '../fsm/members/membership.js';
import { statusesAt, joinCluster } from './join-cluster.js';
import { walFolder } from '../member/open.js';
import { ownPortAt } from './own-port.js';
import type { ReservedPorts } from './reserve-ports.js';
import type { ServerOptions } from './server-options.js';
import type { DataFolder, Identity } from '../storage/data-folder/data-folder.js';
import { secretSizeBytes } from '../storage/data-folder/identity.js';

/** Of one member. */
export interface Addresses {
  readonly grpcAddress: string;
  readonly raftAddress: string;
}

/** Where a member is that has yet to be let in. */
interface Place extends Addresses {
  readonly ports: ReservedPorts;
}

export interface Entrance {
  readonly identity: Identity;
  readonly contacts: readonly MemberRecord[];
  readonly found: boolean;
}

/**
 * Who this member is: from its folder, by founding a cluster, or by joining one.
 *
 * @param signal ends a joining: it rejects with MEMBER_STOPPING
 */
export async function enter(
  folder: DataFolder,
  options: ServerOptions,
  place: Place,
  signal?: AbortSignal,
): Promise<Entrance> {
  const known = folder.identity;
  if (known?.state === 'recovering') {
    const how = `kvorum recover -data-dir=${options.dataDir} -force-new-cluster -yes`;
    throw new KvorumError(
      'DATA_FOLDER_UNUSABLE',
      `the recovery of data folder ${options.dataDir} was cut short: go on with it (${how}) before the member is started`,
    );
  }
  if (known !== undefined && known.state !== 'joining') {
    const found = known.state === 'founding';
    if (!found) await requireLog(folder, options);
    await checkCluster(options, known);
    return { identity: known, contacts: [], found };
  }
  if (options.bootstrap && known === undefined) {
    await refuseSecondCluster(options, place.ports);
    const identity: Identity = {
      clusterId: randomId(entropy()),
      memberId: randomId(entropy()),
      name: options.id,
      state: 'founding',
      secret: new Uint8Array(randomBytes(secretSizeBytes)),
    };
    await folder.saveIdentity(identity);
    options.log.info({ cluster: formatId(identity.clusterId) }, 'founding a new cluster');
    return { identity, contacts: [], found: true };
  }
  if (options.join.length === 0) {
    throw new KvorumError(
      'INVALID_REQUEST',
      known === undefined
        ? `data folder ${resolve(options.dataDir)} is empty: start with -bootstrap to found a cluster, with -join=HOST:PORT to join one, or name the folder that it has with -data-dir`
        : `member ${options.id} had begun to join a cluster: start it with -join=HOST:PORT (any member's client address) to go on, or with an empty data folder`,
    );
  }
  return joinAsNew(folder, options, place, signal);
}

/**
 * A founder whose folder was lost, and that is started as it was the first time, is a member of the cluster that it has
 * founded then: with another one beside it, clients that know both would see what they have written come and go.
 */
async function refuseSecondCluster(
  { id, bootstrapUnless, log }: ServerOptions,
  ports: ReservedPorts,
): Promise<void> {
  // This server's own ports take connections and answer nobody yet.
  const own = await Promise.all(bootstrapUnless.map((endpoint) => ownPortAt(endpoint, ports)));
  const others = bootstrapUnless.filter((_, at) => own[at] === undefined);
  if (others.length === 0) return;
  const [found] = await statusesAt(others);
  if (found === undefined) {
    log.warn({ asked: others.join(',') }, 'founding: nobody answers of those that were to be asked first');
    return;
  }
  const { name, endpoint, clusterId } = found;
  throw new KvorumError(
    'INVALID_REQUEST',
    `-bootstrap would found a second cluster: ${name} at ${endpoint} is up, of cluster ${formatId(clusterId)}. Join that one: start with -join=${endpoint} in place of -bootstrap; if ${id} was a member of it and has lost its data folder, remove it first (kvorum -server=${endpoint} remove ${id}). To found another cluster all the same, name none of its servers with -bootstrap-unless (not given: KVORUM_ENDPOINTS)`,
  );
}

/** A member that starts with -join again may have been given another cluster's address. */
async function checkCluster(options: ServerOptions, { clusterId }: Identity): Promise<void> {
  for (const { endpoint, clusterId: found } of await statusesAt(options.join)) {
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
    `data folder ${options.dataDir} has lost its log (folder ${walFolder}): ${joinAnewAdvice}`,
  );
}

/** The id is kept before the cluster hears it, so that a join that was cut short is taken up again. */
async function joinAsNew(
  folder: DataFolder,
  options: ServerOptions,
  { raftAddress, ports }: Place,
  signal?: AbortSignal,
): Promise<Entrance> {
  let identity: Identity = folder.identity ?? {
    clusterId: 0n,
    memberId: randomId(entropy()),
    name: options.id,
    state: 'joining',
    secret: emptyBytes,
  };
  await folder.saveIdentity(identity);
  const answer = await joinCluster({
    endpoints: options.join,
    name: options.id,
    raftAddress,
    ports,
    memberId: identity.memberId,
    levels: knownLevels,
    featureLevelMax: options.featureLevelMax,
    timeoutMs: options.joinTimeoutMs,
    log: options.log,
    signal,
  });
  if (identity.clusterId !== 0n && identity.clusterId !== answer.clusterId) {
    throw wrongCluster(options, identity.clusterId, options.join.join(', '), answer.clusterId);
  }
  refuseSecondFolder(options, identity, answer.members);
  // A cluster has its secret from the beginning on: an answer without one takes none away.
  const secret = answer.secret.length > 0 ? answer.secret : identity.secret;
  identity = { ...identity, clusterId: answer.clusterId, secret };
  await saveLetIn(folder, identity);
  options.log.info({ cluster: formatId(answer.clusterId) }, 'joined; catching up');
  return { identity, contacts: answer.members, found: false };
}

/** The folder keeps the id that the cluster knows by now, whatever comes: with another one the name would be taken. */
async function saveLetIn(folder: DataFolder, identity: Identity): Promise<void> {
  try {
    await folder.saveIdentity(identity);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `the cluster has let this member in, but ${why}; mend that and start it again to go on`;
    throw new KvorumError('OUTCOME_UNKNOWN', message, { cause });
  }
}

/** A folder whose join was cut short has never been up: a member of its id that has was another folder's. */
function refuseSecondFolder(
  { id, dataDir }: ServerOptions,
  { memberId }: Identity,
  members: readonly MemberRecord[],
): void {
  if (!members.some((each) => each.id === memberId && each.clientAddress !== '')) return;
  throw new KvorumError(
    'DATA_FOLDER_MISMATCH',
    `member ${id} has been up already, with another data folder than ${dataDir}: start it with that one, or remove the member and join anew with an empty folder`,
  );
}

/** A generator that no other member has: its seed is the operating system's. */
export function entropy(): Prng {
  return new Prng(randomBytes(8).readBigUInt64LE());
}
