import { assert } from '../../base/assert.js';
import { decodeUtf8, encodeUtf8 } from '../../base/bytes.js';
import { decodeConfigChange } from '../config-change.js';
import type { ConfigChange, Entry, Index, ProposalOutcome, ProposalResult, ReadState } from '../types.js';
import type { Member } from './member.js';

interface Proposal {
  outcome: ProposalOutcome | undefined;
  committedAt: Index;
}

/**
 * What clients were told, against what was committed: a dropped proposal is never committed, an appended one
 * is committed where it was said or nowhere, each at most once; a read sees all that was committed before it.
 */
export class ClientHistory {
  readonly #proposals = new Map<string, Proposal>();
  /** By run of a member, then proposal id: the tag. */
  readonly #tags = new WeakMap<object, Map<number, string>>();
  readonly #reads = new Map<number, Index>();
  #sequence = 0;
  #checked = 0;
  readsAnswered = 0;
  proposalsAppended = 0;
  proposalsCommitted = 0;

  nextTag(): string {
    return `p${++this.#sequence}`;
  }

  propose(member: Member, tag: string, sizeBytes: number): void {
    const padded = encodeUtf8(tag.padEnd(sizeBytes, '.'));
    member.input((raft) => this.#remember(member, raft.propose(padded), tag));
  }

  proposeConfig(member: Member, changes: ConfigChange['changes'], basedOn: Index, tag: string): void {
    const change = { changes, context: encodeUtf8(tag) };
    member.input((raft) => this.#remember(member, raft.proposeConfig(change, basedOn), tag));
  }

  #remember(member: Member, proposalId: number, tag: string): void {
    let tags = this.#tags.get(member.raft);
    if (tags === undefined) this.#tags.set(member.raft, (tags = new Map<number, string>()));
    assert(!tags.has(proposalId), 'a proposal id is used once');
    tags.set(proposalId, tag);
    this.#proposals.set(tag, { outcome: undefined, committedAt: 0 });
  }

  result(member: Member, { proposalId, outcome }: ProposalResult): void {
    const tag = this.#tags.get(member.raft)?.get(proposalId);
    assert(tag !== undefined, 'a result belongs to a proposal of this run');
    const proposal = this.#proposals.get(tag)!;
    if (proposal.outcome !== undefined) {
      assert(proposal.outcome.kind === outcome.kind, `proposal ${tag} was decided twice`);
    }
    if (outcome.kind === 'appended') this.proposalsAppended++;
    proposal.outcome = outcome;
    this.#check(tag, proposal);
  }

  /** @param committed by index, from 1 on */
  committed(committed: readonly (Entry | undefined)[]): void {
    while (this.#checked + 1 < committed.length) {
      const entry = committed[++this.#checked]!;
      const tag = tagOf(entry);
      const proposal = this.#proposals.get(tag);
      if (proposal === undefined) continue;
      assert(proposal.committedAt === 0, `proposal ${tag} is committed twice`);
      proposal.committedAt = entry.index;
      this.proposalsCommitted++;
      this.#check(tag, proposal);
    }
  }

  #check(tag: string, { outcome, committedAt }: Proposal): void {
    if (outcome === undefined || committedAt === 0) return;
    assert(outcome.kind === 'appended', `proposal ${tag} was dropped and is committed at ${committedAt}`);
    assert(outcome.index === committedAt, `proposal ${tag} is committed at another index than it was told`);
  }

  isCommitted(tag: string): boolean {
    return (this.#proposals.get(tag)?.committedAt ?? 0) > 0;
  }

  read(member: Member, commit: Index): void {
    const context = ++this.#sequence;
    this.#reads.set(context, commit);
    member.input((raft) => raft.readIndex(context));
  }

  readState({ context, index }: ReadState): void {
    const atLeast = this.#reads.get(context);
    assert(atLeast !== undefined, 'a read state belongs to a read');
    assert(index >= atLeast, `a read at ${index} misses what was committed before it, up to ${atLeast}`);
    this.readsAnswered++;
  }
}

function tagOf(entry: Entry): string {
  if (entry.type === 'normal') return decodeUtf8(entry.data).split('.', 1)[0]!;
  return entry.type === 'config' ? decodeUtf8(decodeConfigChange(entry.data).context) : '';
}
