import type { FeatureLevelRange, ServerStatus } from '../client/index.js';

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

/** Who cannot be reached by whom, since when and why, whether there is a leader, and who holds the feature level: a line each. */
export function troubles(answers: readonly ServerStatus[]): readonly string[] {
  return [
    ...new Set([...unreachableMembers(answers), ...missingLeader(answers), ...differingLevels(answers)]),
  ];
}

function unreachableMembers(answers: readonly ServerStatus[]): readonly string[] {
  const targets = new Map<bigint, { readonly who: string; readonly by: string[]; reason: string }>();
  for (const { name, peers } of answers) {
    for (const peer of peers) {
      if (peer.reachable !== false) continue;
      const who = `${peer.name} at ${peer.raftAddress}`;
      const target = targets.get(peer.id) ?? { who, by: [], reason: peer.reason };
      target.by.push(`${name} since ${timeText(peer.sinceMs)}`);
      targets.set(peer.id, target);
    }
  }
  return [...targets.values()].map(
    ({ who, by, reason }) => `${who} cannot be reached by ${by.join(', by ')}: ${reason}`,
  );
}

function missingLeader(answers: readonly ServerStatus[]): readonly string[] {
  if (answers.length === 0 || answers.some(({ leaderId }) => leaderId !== 0n)) return [];
  return answers.map(({ name, role, peers }) => {
    const others = peers.filter(({ voter }) => voter);
    const voters = others.length + (role === 'learner' ? 0 : 1);
    const reached = others.filter(({ reachable }) => reachable === true).length + (voters - others.length);
    const needed = Math.floor(voters / 2) + 1;
    return `${name} knows no leader: it can reach ${reached} of ${voters} voters, and ${needed} are needed`;
  });
}

/** What each member knows, while that is not the same everywhere, or more than what the cluster is at. */
function differingLevels(answers: readonly ServerStatus[]): readonly string[] {
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
