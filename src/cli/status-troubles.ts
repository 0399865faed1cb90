import { formatId } from '../base/ids.js';
import type { FeatureLevelRange, ServerStatus } from '../client/index.js';
import { sizeText } from './text-table.js';

/**
 * How many entries a member still has to apply, of those that are committed as far as anybody knows. Of one that does
 * not answer the leader knows how many it lacks; empty where there is none that could say so.
 */
export function entriesBehind(
  member: { readonly id?: bigint; readonly appliedIndex?: number },
  answers: readonly ServerStatus[],
): string {
  const committed = Math.max(0, ...answers.map(({ commitIndex }) => commitIndex));
  const known =
    member.appliedIndex ??
    answers
      .flatMap(({ peers }) => peers)
      .find(({ id, matchIndex }) => id === member.id && matchIndex !== undefined)?.matchIndex;
  return known === undefined ? '' : String(Math.max(0, committed - known));
}

type Answer = Pick<ServerStatus, 'name' | 'role' | 'leaderId' | 'peers' | 'featureLevel' | 'featureLevels'> &
  Partial<Pick<ServerStatus, 'commitIndex' | 'clusterId'>>;

/**
 * Whether they are of one cluster, who cannot be reached by whom, since when and why, whether there is a leader, who is not up yet or waits for a state, and
 * who holds the feature level: a line for all that it holds for.
 *
 * @param starting members that have not made their client address known
 */
export function troubles(answers: readonly Answer[], starting: readonly bigint[] = []): readonly string[] {
  return [
    ...new Set([
      ...differentClusters(answers),
      ...unreachableMembers(answers),
      ...missingLeader(answers),
      ...waitingMembers(answers, starting),
      ...differingLevels(answers),
    ]),
  ];
}

/** A member that was started on an empty folder has founded another cluster where the others still look for it. */
function differentClusters(answers: readonly Answer[]): readonly string[] {
  const clusters = grouped(answers, ({ clusterId }) => formatId(clusterId ?? 0n));
  if (clusters.length <= 1) return [];
  const each = clusters.map((of) => `${namesOf(of)} of ${formatId(of[0]!.clusterId ?? 0n)}`);
  return [`these are members of different clusters: ${each.join('; ')}`];
}

/** Who is brought the state, how far that is, and why a new member does not serve yet. */
function waitingMembers(answers: readonly Answer[], starting: readonly bigint[]): readonly string[] {
  const committed = Math.max(0, ...answers.map(({ commitIndex = 0 }) => commitIndex));
  const names = new Map(answers.flatMap(({ peers }) => peers.map(({ id, name }) => [id, name] as const)));
  return [...names].flatMap(([id, name]) => {
    const rows = answers.flatMap((by) =>
      by.peers.filter((peer) => peer.id === id).map((peer) => ({ by, peer })),
    );
    const isStarting = starting.includes(id);
    const sender =
      rows.find(({ peer }) => peer.snapshotSizeBytes !== undefined) ??
      rows.find(({ peer }) => peer.snapshotFailure !== '');
    if (sender !== undefined) {
      const how = transferText(sender.by.name, sender.peer);
      return [`${name} ${isStarting ? 'does not serve yet' : 'lacks what is no longer in the log'}: ${how}`];
    }
    if (!isStarting) return [];
    const match = rows.find(({ peer }) => peer.matchIndex !== undefined)?.peer.matchIndex;
    if (match === undefined) return [`${name} does not serve yet: the leader has not said what it lacks`];
    const what = match === 0 ? 'it has no state yet' : `it lacks ${Math.max(0, committed - match)} entries`;
    return [`${name} does not serve yet: ${what}, and has not made its client address known`];
  });
}

function transferText(by: string, peer: Answer['peers'][number]): string {
  const { snapshotSentBytes: sent = 0, snapshotSizeBytes: size, snapshotFailure: failure } = peer;
  const far = size === undefined ? '' : `, ${sizeText(sent)} of about ${sizeText(size)} so far`;
  return `${by} brings it the state${far}${failure === '' ? '' : `; nothing of it arrives now: ${failure}`}`;
}

interface Unreachable {
  readonly name: string;
  readonly address: string;
  /** As the first that cannot reach it says. */
  readonly reason: string;
  readonly by: { readonly name: string; readonly sinceMs: number }[];
}

function unreachableMembers(answers: readonly Answer[]): readonly string[] {
  const targets = new Map<bigint, Unreachable>();
  for (const { name, peers } of answers) {
    for (const { id, name: target, raftAddress: address, reachable, reason, sinceMs } of peers) {
      if (reachable !== false) continue;
      const known = targets.get(id) ?? { name: target, address, reason, by: [] };
      known.by.push({ name, sinceMs });
      targets.set(id, known);
    }
  }
  const alike = grouped(targets.values(), (target) =>
    JSON.stringify([target.by.map(({ name }) => name), plainReason(target)]),
  );
  return alike.map(unreachableLine);
}

/** So many say each for itself since when. */
const observersMax = 3;

/** @param group that the same members cannot reach, for the same reason */
function unreachableLine(group: readonly Unreachable[]): string {
  const [{ name, address, by, reason }] = group as [Unreachable];
  const alone = group.length === 1;
  const who = alone ? `${name} at ${address}` : namesOf(group);
  const why = alone ? reason : plainReason(group[0]!);
  if (alone && by.length <= observersMax) {
    const each = by.map((observer) => `${observer.name} since ${timeText(observer.sinceMs)}`);
    return `${who} cannot be reached by ${each.join(', by ')}: ${why}`;
  }
  const times = group.flatMap((target) => target.by.map(({ sinceMs }) => timeText(sinceMs))).sort();
  const later = times[0] === times.at(-1) ? '' : ' or later';
  return `${who} cannot be reached by ${namesOf(by)} since ${times[0]}${later}: ${why}`;
}

function namesOf(all: readonly { readonly name: string }[]): string {
  return all.map(({ name }) => name).join(', ');
}

/** Without the address, which is another one for each. */
function plainReason({ reason, address }: Unreachable): string {
  return reason.replaceAll(address, '').trim();
}

function missingLeader(answers: readonly Answer[]): readonly string[] {
  if (answers.length === 0 || answers.some(({ leaderId }) => leaderId !== 0n)) return [];
  const views = answers.map(({ name, role, peers }) => {
    const others = peers.filter(({ voter }) => voter);
    const voters = others.length + (role === 'learner' ? 0 : 1);
    const reached = others.filter(({ reachable }) => reachable === true).length + (voters - others.length);
    const needed = Math.floor(voters / 2) + 1;
    return { name, what: `can reach ${reached} of ${voters} voters, and ${needed} are needed` };
  });
  return grouped(views, ({ what }) => what).map((group) => {
    const names = namesOf(group);
    const { what } = group[0]!;
    return group.length === 1
      ? `${names} knows no leader: it ${what}`
      : `${names} know no leader: each ${what}`;
  });
}

/** In the order in which each group begins. */
function grouped<T>(all: Iterable<T>, keyOf: (each: T) => string): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const each of all) {
    const key = keyOf(each);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  return [...groups.values()];
}

/** What each member knows, while that is not the same everywhere, or more than what the cluster is at. */
function differingLevels(answers: readonly Answer[]): readonly string[] {
  const level = Math.max(0, ...answers.map(({ featureLevel }) => featureLevel ?? 0));
  const known = new Map<string, string>();
  for (const { name, peers, featureLevels } of answers) {
    for (const peer of peers) {
      if (!known.has(peer.name)) known.set(peer.name, rangeText(peer.featureLevels));
    }
    // Of itself each knows best.
    known.set(name, rangeText(featureLevels));
  }
  const highest = Math.max(0, ...answers.map(({ featureLevels }) => featureLevels?.max ?? 0));
  if (new Set(known.values()).size <= 1 && highest <= level) return [];
  const told = [...known].map(([name, range]) => `${name} knows ${range}`).sort();
  return [`the cluster is at feature level ${level}: ${told.join(', ')}`];
}

function rangeText(range: FeatureLevelRange | undefined): string {
  if (range === undefined) return 'no levels';
  const { min, max } = range;
  return min === max ? String(max) : `${min} to ${max}`;
}

/** `2026-11-30 08:15:02`, in local time. */
function timeText(sinceMs: number): string {
  const time = new Date(sinceMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${day} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')}`;
}
