import { decodeUtf8 } from '../../base/bytes.js';
import { decodeConfigChange } from '../config-change.js';
import type {
  ClusterConfig,
  Entry,
  Message,
  ProposalOutcome,
  ProposalResult,
  RaftStatus,
  Ready,
} from '../types.js';

/** One line of text for each thing that a trace shows. Entries are written index/term. */

export function describeEntry(entry: Entry): string {
  const place = `${entry.index}/${entry.term}`;
  if (entry.type === 'empty') return `${place} empty`;
  if (entry.type === 'normal') return `${place} "${decodeUtf8(entry.data)}"`;
  const { changes } = decodeConfigChange(entry.data);
  return changes.length === 0
    ? `${place} leave-joint`
    : `${place} ${changes.map(({ kind, id }) => `${kind} ${id}`).join(', ')}`;
}

export function describeEntries(entries: readonly Entry[]): string {
  return `[${entries.map(describeEntry).join(', ')}]`;
}

export function describeConfig(config: ClusterConfig): string {
  const parts = [`voters ${config.voters.join(' ') || 'none'}`];
  if (config.votersOutgoing.length > 0) parts.push(`outgoing ${config.votersOutgoing.join(' ')}`);
  if (config.learners.length > 0) parts.push(`learners ${config.learners.join(' ')}`);
  if (config.learnersNext.length > 0) parts.push(`next learners ${config.learnersNext.join(' ')}`);
  return parts.join(', ');
}

/** Ids of proposals and reads hold the number of the run in their upper half. */
function shortId(id: number): number {
  return id % 2 ** 32;
}

export function describeOutcome(outcome: ProposalOutcome): string {
  return outcome.kind === 'appended'
    ? `appended ${outcome.index}/${outcome.term}`
    : `dropped ${outcome.reason}`;
}

export function describeMessage(message: Message): string {
  return `${message.from}->${message.to} t${message.term} ${message.type}${details(message)}`;
}

function details(message: Message): string {
  switch (message.type) {
    case 'vote-request':
      return `${message.preVote ? ' pre' : ''} last ${message.lastIndex}/${message.lastTerm}${message.transfer ? ' transfer' : ''}`;
    case 'vote-response':
      return `${message.preVote ? ' pre' : ''} ${message.granted ? 'granted' : 'rejected'}`;
    case 'append':
      return ` behind ${message.previousIndex}/${message.previousTerm} ${describeEntries(message.entries)} commit ${message.commit}`;
    case 'append-response':
      return message.rejected
        ? ` rejected ${message.index}, hint ${message.hintIndex}/${message.hintTerm}`
        : ` match ${message.index}`;
    case 'heartbeat':
      return ` commit ${message.commit} round ${message.readRound}`;
    case 'heartbeat-response':
      return ` round ${message.readRound}`;
    case 'snapshot':
      return ` ${message.snapshot.index}/${message.snapshot.term} ${describeConfig(message.snapshot.config)}`;
    case 'transfer-leader':
      return ` to ${message.target}`;
    case 'read-index':
      return ` #${shortId(message.context)}`;
    case 'read-index-response':
      return ` #${shortId(message.context)} at ${message.index}`;
    case 'propose': {
      const behind = message.behindId === 0 ? '' : ` behind #${shortId(message.behindId)}`;
      return ` #${shortId(message.proposalId)}${behind}`;
    }
    case 'propose-response':
      return ` #${shortId(message.proposalId)} ${describeOutcome(message.outcome)}`;
    case 'timeout-now':
      return '';
  }
}

export function describeProposalResult({ proposalId, outcome }: ProposalResult): string {
  return `proposal #${shortId(proposalId)} ${describeOutcome(outcome)}`;
}

/** What a Ready wants on disk, and what it wants applied. */
export function describeReady(ready: Ready): string[] {
  const lines: string[] = [];
  const writes: string[] = [];
  const { snapshot, hardState, entries, committed } = ready;
  if (snapshot !== undefined) writes.push(`snapshot ${snapshot.index}/${snapshot.term}`);
  if (hardState !== undefined) {
    writes.push(`term ${hardState.term} vote ${hardState.vote} commit ${hardState.commit}`);
  }
  if (entries.length > 0) writes.push(describeEntries(entries));
  if (writes.length > 0) lines.push(`begins write ${ready.persistMark}: ${writes.join(', ')}`);
  if (committed.length > 0) lines.push(`is handed ${describeEntries(committed)}`);
  for (const { context, index } of ready.readStates) lines.push(`may read ${context} at ${index}`);
  return [...lines, ...ready.proposalResults.map(describeProposalResult)];
}

export function describeStatus(status: RaftStatus): string[] {
  const lines = [
    `${status.id} ${status.role} t${status.term} leader ${status.leader} commit ${status.commit} ` +
      `log ${status.firstIndex}-${status.lastIndex} config ${status.configIndex}: ${describeConfig(status.config)}`,
  ];
  for (const [id, row] of status.progress) {
    lines.push(
      `  ${id}: ${row.state} match ${row.match} next ${row.next}` +
        `${row.learner ? ' learner' : ''}${row.recentActive ? '' : ' inactive'}`,
    );
  }
  return lines;
}
