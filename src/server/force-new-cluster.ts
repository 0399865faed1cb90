import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { assert } from '../base/assert.js';
import { KvorumError } from '../base/errors.js';
import { formatId, type ClusterId, type MemberId } from '../base/ids.js';
import { randomId } from '../base/prng.js';
import { StateMachine } from '../fsm/state-machine.js';
import { walFolder } from '../member/open.js';
import type { AppliedPosition } from '../ports/backend.js';
import { RealClock } from '../ports/real-clock.js';
import { entropy } from './entrance.js';
import { statusesAt } from './join-cluster.js';
import { isComplete, logBehind, look, readLog, withFolder, type Findings } from './recover.js';
import { stateFolder } from './server.js';
import { LmdbBackend } from '../storage/backend/lmdb-backend.js';
import type { DataFolder, Identity } from '../storage/data-folder/data-folder.js';
import { secretSizeBytes } from '../storage/data-folder/identity.js';
import { readPassedOver } from '../storage/data-folder/passed-over-file.js';
import { Wal } from '../storage/wal/wal.js';

/** Of entries that are applied and not on disk yet. */
const backlogSizeBytesMax = 16 * 1024 * 1024;

/**
 * What would become of a survivor's folder, and what may be lost: a line each. Changes nothing.
 * @throws KvorumError INVALID_REQUEST: this cluster is not lost, or not with this folder; and as inspect
 */
export async function describeNewCluster(path: string): Promise<string[]> {
  return await withFolder(path, async (folder) => {
    if (folder.identity?.state === 'recovering') {
      return ['its recovery was begun and cut short: nothing of what it holds is lost by going on with it'];
    }
    const findings = await look(folder);
    refuseUnfit(findings);
    return [...planLines(findings), ...(await livingLines(findings))];
  });
}

/**
 * Makes the folder's member the sole one of a new cluster, which holds all that its log and state hold. One that was cut
 * short is gone on with.
 *
 * @returns what there is to say of it
 * @throws KvorumError as describeNewCluster
 */
export async function forceNewCluster(path: string): Promise<string[]> {
  return await withFolder(path, async (folder) => {
    if (folder.identity?.state !== 'recovering') {
      const findings = await look(folder);
      refuseUnfit(findings);
      await livingLines(findings);
      // From here on the member never goes back: what it applies next may not be what the old cluster had agreed on.
      await folder.saveIdentity(newIdentity(findings.identity));
    }
    await goOn(folder);
    const { name, clusterId } = folder.identity!;
    return [
      `cluster ${formatId(clusterId)} has ${name} as its sole member: start it as always`,
      'wipe the data folders of the other members before you join them anew; never start them as they are',
    ];
  });
}

function newIdentity({ clusterId, memberId, name }: Identity): Identity {
  return {
    ...{ memberId, name, state: 'recovering', formerClusterId: clusterId },
    clusterId: randomId(entropy()),
    // So that the others, who know the old one, cannot speak with it.
    secret: new Uint8Array(randomBytes(secretSizeBytes)),
  };
}

function refuseUnfit(findings: Findings): void {
  const { identity, members, voters, stuckAt } = findings;
  const { memberId, name } = identity;
  const refuse = (why: string): never => {
    throw new KvorumError('INVALID_REQUEST', `no new cluster can be made of this folder: ${why}`);
  };
  if (!isComplete(findings))
    refuse('entries or the state are missing; see kvorum recover -data-dir without it');
  if (stuckAt !== undefined) {
    refuse(`entry ${stuckAt.entry.index} cannot be applied; have it passed over first (-skip-entry)`);
  }
  if (!members.some(({ id }) => id === memberId)) {
    refuse(`its own state does not know ${name} as a member: it has not caught up yet, or was removed`);
  }
  if (voters.length === 1 && voters[0] === memberId) {
    refuse(`${name} is the only voter of its cluster and needs no other: start it as always`);
  }
}

function planLines({ identity, log, applied, members, voters }: Findings): string[] {
  const { offset, lastIndex, lastTerm } = log.terms;
  const { commit } = log.hardState;
  const known = Math.max(commit, offset, applied.index);
  const lines = [
    `member ${identity.name} of cluster ${formatId(identity.clusterId)}: its log ends at entry ${lastIndex} of term ${lastTerm}, ${voters.length} members voted there`,
    `a new cluster is made of ${identity.name} alone, with all that its log and state hold`,
    'lost is what its log does not hold: of what was acknowledged last, whatever only others have on their disks. Of several survivors take the one whose log ends with the highest term, and among these with the highest entry',
  ];
  if (lastIndex > known) {
    const which = lastIndex === known + 1 ? `entry ${lastIndex}` : `entries ${known + 1} to ${lastIndex}`;
    lines.push(
      `${which} may not have been committed: all are kept, so writes whose outcome was unknown may take effect`,
    );
  }
  const others = members.filter(({ id }) => id !== identity.memberId);
  for (const { id, name, peerAddress } of others) {
    lines.push(`${name} (${formatId(id)}) at ${peerAddress} is out of it for ever`);
  }
  return lines;
}

/** @throws KvorumError INVALID_REQUEST: the cluster has a leader, so it is not lost */
async function livingLines({ identity, members }: Findings): Promise<string[]> {
  const endpoints = members
    .filter(({ id, clientAddress }) => id !== identity.memberId && clientAddress !== '')
    .map(({ clientAddress }) => clientAddress);
  const living = (await statusesAt(endpoints)).filter(({ clusterId }) => clusterId === identity.clusterId);
  const led = living.find(({ leaderId }) => leaderId !== 0n);
  if (led !== undefined) {
    throw new KvorumError(
      'INVALID_REQUEST',
      `cluster ${formatId(identity.clusterId)} is not lost: ${led.name} at ${led.endpoint} answers, and knows a leader. Start ${identity.name} as always`,
    );
  }
  return living.map(
    ({ name, endpoint, lastIndex }) =>
      `${name} at ${endpoint} still runs and has entries up to ${lastIndex}: stop it, and see which of the two has more`,
  );
}

/** Each step finds out whether it was done before. */
async function goOn(folder: DataFolder): Promise<void> {
  const { formerClusterId, ...identity } = folder.identity!;
  assert(formerClusterId !== undefined, 'a recovery knows where it comes from');
  const position = await refoundState(folder, identity, formerClusterId);
  await replaceLog(folder, identity, position);
  await folder.saveIdentity({ ...identity, state: 'member' });
}

/** @returns where the new cluster begins */
async function refoundState(
  folder: DataFolder,
  { clusterId, memberId }: Identity,
  formerClusterId: ClusterId,
): Promise<AppliedPosition> {
  const { path, disk } = folder;
  const backend = await LmdbBackend.open(join(path, stateFolder), { clock: new RealClock() });
  try {
    const machine = new StateMachine(backend, undefined, await readPassedOver(path, disk));
    if (machine.clusterId !== clusterId) {
      const term = await applyLog(folder, machine, backend, { clusterId: formerClusterId, memberId });
      const { index } = machine.applied;
      machine.refound(clusterId, memberId, { index: index + 1, term: term + 1 });
    }
    await backend.flush();
    return machine.applied;
  } finally {
    await backend.close();
  }
}

/** @returns the newest term that the member has heard of */
async function applyLog(
  folder: DataFolder,
  machine: StateMachine,
  backend: LmdbBackend,
  owner: { readonly clusterId: ClusterId; readonly memberId: MemberId },
): Promise<number> {
  const log = await readLog(folder, owner, machine.applied.index);
  const { entries, hardState } = logBehind(log, backend);
  for (const entry of entries) {
    machine.apply(entry);
    machine.commit();
    if (backend.backlogSizeBytes > backlogSizeBytesMax) await backend.flush();
  }
  return Math.max(hardState.term, machine.applied.term);
}

/** By an empty one of the new cluster, which goes on where the state ends: that holds what was in the old one. */
async function replaceLog(
  { disk }: DataFolder,
  { clusterId, memberId }: Identity,
  position: AppliedPosition,
): Promise<void> {
  await disk.remove(walFolder);
  const wal = await Wal.create(disk, walFolder, {}, { clusterId, memberId });
  try {
    await wal.append({ hardState: { term: position.term, vote: 0n, commit: 0 }, entries: [] });
    await wal.reset(position);
  } finally {
    await wal.close();
  }
}
