import { noMember } from '../../src/base/ids.js';
import { isVoter } from '../../src/raft/config-change.js';
import type { Cluster } from '../cluster.js';
import type { Machine } from '../machine.js';
import { castOf, playMsMax } from './cast.js';
import { removeAt } from './membership.js';
import { orderTransfer } from './order.js';
import type { Fault } from './scene.js';
import { handOver, play, type Stage } from './stage.js';

/** From when a leader has its own removal in the log to its end. */
const lastWordsMsMax = 8;
/** That long it is gone, which is more than an election takes. */
const goneElections = 4;
const lookEveryMs = 0.1;

/**
 * A leader of two removes itself, and dies or is cut off within milliseconds. The other may or may not have heard of
 * it; if it has, it is alone, and must lead.
 */
const leavesOne: Fault = (scene) => {
  const { cluster, dice } = scene;
  const members = (): Machine[] => cluster.machines.filter((each) => !cluster.isOut(each));
  if (cluster.leader() === undefined || !members().every((each) => each.running)) return undefined;
  play(scene, playMsMax, async (stage) => {
    if (members().length === 1) cluster.start(cluster.addMachine('joining'));
    await stage.until(() => areVoters(members()) && cluster.leader() !== undefined, playMsMax);
    const leader = cluster.leader()!;
    const other = members().find((each) => each !== leader);
    if (other === undefined) return;
    removeAt(cluster, dice.chance(0.7) ? leader : other, leader);
    await stage.until(() => knowsRemoval(leader, leader), playMsMax, lookEveryMs);
    await stage.pass(dice.ms(0, lastWordsMsMax));
    stage.need(leader.running && other.running);
    part(stage, leader, other);
    await stage.pass(cluster.options.electionTimeoutMs * goneElections);
    requireLeader(cluster, other, leader);
  });
  return members()
    .map(({ name }) => name)
    .join(' ');
};

function areVoters(members: readonly Machine[]): boolean {
  return members.every((each) => each.running && isVoter(each.parts.machine.config, each.id));
}

function knowsRemoval(machine: Machine, removed: Machine): boolean {
  return machine.running && !isVoter(machine.parts.raft.status().config, removed.id);
}

/** In any case nothing more passes: a process that has ended is soon started again. */
function part(stage: Stage, leader: Machine, other: Machine): void {
  const { cluster, dice } = stage;
  const how = dice.pick(['kill', 'power-loss', 'cut'] as const);
  stage.lasts(cluster.network.partition([leader.id], [other.id]));
  if (how !== 'cut') cluster.end(leader, how);
  stage.tell(`${leader.name}, which has removed itself, is gone: ${how}`);
}

function requireLeader(cluster: Cluster, other: Machine, leader: Machine): void {
  if (!knowsRemoval(other, leader) || other.parts.raft.role === 'leader') return;
  cluster.fail(new Error(`${other.name} is the only one left, and does not lead`));
}

/**
 * A member has just given its leader a lease, and is killed, when one that the leader cannot reach asks it for a vote.
 * It is back within ticks, and must not help to elect another before the lease is over.
 */
const leaseRestart: Fault = (scene) => {
  const { cluster, dice } = scene;
  const cast = castOf(cluster);
  if (cast === undefined || cast.others.length !== 2) return undefined;
  const { leader } = cast;
  const [giver, candidate] = dice.shuffled(cast.others) as [Machine, Machine];
  const { electionTimeoutMs } = cluster.options;
  play(scene, playMsMax, async (stage) => {
    stage.lasts(cluster.network.partition([leader.id], [candidate.id]));
    let holds = true;
    const asks = stage.keepBack(
      ({ type, from, to }) => holds && type === 'vote-request' && from === candidate.id && to === giver.id,
    );
    await stage.until(() => asks.length > 0, electionTimeoutMs * 5, lookEveryMs);
    stage.need(leader.running && leader.parts.raft.status().readLease && giver.running);
    cluster.end(giver, 'kill');
    cluster.start(giver);
    await stage.until(() => giver.running, electionTimeoutMs / 2, lookEveryMs);
    stage.tell(`${giver.name} is back, and asked by ${candidate.name}`);
    holds = false;
    for (const arrive of asks) arrive();
    await stage.pass(electionTimeoutMs * 2);
  });
  return `${giver.name} between ${leader.name} and ${candidate.name}`;
};

/**
 * The target of a transfer is told to stand when that transfer was given up long ago, and its leader serves again, or
 * another one in a later term. The leader does not hear who stands.
 */
const lateTimeoutNow: Fault = (scene) => {
  const { cluster, dice } = scene;
  const cast = castOf(cluster);
  if (cast === undefined) return undefined;
  const { leader } = cast;
  const target = dice.pick(cast.others);
  const { electionTimeoutMs } = cluster.options;
  play(scene, playMsMax, async (stage) => {
    const calls = stage.keepBack(({ type, to }) => type === 'timeout-now' && to === target.id);
    const { raft } = leader.parts;
    const { term } = raft;
    orderTransfer(cluster, leader, target.id);
    await stage.until(() => calls.length > 0, electionTimeoutMs);
    const isGivenUp = (): boolean => raft.status().transferTarget === noMember;
    await stage.until(isGivenUp, electionTimeoutMs * 2);
    await stage.pass(dice.ms(0, electionTimeoutMs));
    stage.need(leader.running && raft.role === 'leader' && raft.term === term);
    const third = cast.others.find((each) => each !== target);
    if (third !== undefined && dice.chance(0.5)) {
      await handOver(stage, leader, third);
      await stage.pass(electionTimeoutMs);
    }
    const now = cluster.leader();
    stage.need(now !== undefined && now !== target);
    stage.tell(`${target.name} is told late to stand, and ${now!.name} does not hear it`);
    stage.lasts(cluster.network.cut(target.id, now!.id));
    for (const arrive of calls) arrive();
    await stage.pass(electionTimeoutMs * 2);
  });
  return `${leader.name} to ${target.name}`;
};

/** A proposal that was passed on to a leader comes when that one leads again, in a later term. */
const lateProposal: Fault = (scene) => {
  const { cluster, dice } = scene;
  const cast = castOf(cluster);
  if (cast === undefined) return undefined;
  const { leader } = cast;
  const [proposer] = dice.shuffled(cast.others) as [Machine, ...Machine[]];
  const { electionTimeoutMs } = cluster.options;
  play(scene, playMsMax, async (stage) => {
    let holds = true;
    const kept = stage.keepBack(
      ({ type, from, to }) => holds && type === 'propose' && from === proposer.id && to === leader.id,
    );
    await stage.until(() => kept.length > 0, playMsMax);
    holds = false;
    const others = cast.others.map(({ id }) => id);
    const mend = stage.lasts(cluster.network.partition([leader.id], others));
    const next = (): Machine | undefined => cast.others.find((each) => leads(each));
    await stage.until(() => next() !== undefined, electionTimeoutMs * 6);
    const { term } = next()!.parts.raft;
    mend();
    const knows = (machine: Machine): boolean =>
      machine.running && machine.parts.machine.applied.term >= term;
    await stage.until(() => knows(proposer) && knows(leader), electionTimeoutMs * 5);
    stage.need(next() !== undefined);
    await handOver(stage, next()!, leader);
    stage.tell(`${kept.length} proposals come late to ${leader.name}`);
    for (const arrive of kept) arrive();
    await stage.pass(electionTimeoutMs);
  });
  return `${proposer.name} to ${leader.name}`;
};

function leads(machine: Machine): boolean {
  return machine.running && machine.parts.raft.role === 'leader';
}

export const successionCorners = {
  'corner-late-proposal': lateProposal,
  'corner-leaves-one': leavesOne,
  'corner-lease-restart': leaseRestart,
  'corner-late-timeout-now': lateTimeoutNow,
};
