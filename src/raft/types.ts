import type { Index, MemberId, Term } from '../base/ids.js';

export type { Index, MemberId, Term };

/** What an entry carries. A `config` entry changes the membership; an `empty` one is a new leader's first. */
export type EntryType = 'normal' | 'config' | 'empty';

/** One entry of the replicated log. */
export interface Entry {
  readonly term: Term;
  readonly index: Index;
  readonly type: EntryType;
  /** `normal`: the proposal's bytes. `config`: an encoded ConfigChange. `empty`: no bytes. */
  readonly data: Uint8Array;
}

export interface TermAndVote {
  readonly term: Term;
  /** The member voted for in `term`; noMember if none. */
  readonly vote: MemberId;
}

/** What must survive a crash besides the log (paper figure 2). */
export interface HardState extends TermAndVote {
  /** A hint that saves work at restart; never beyond the persisted log. */
  readonly commit: Index;
}

/** Who takes part, and how (thesis chapter 4). Joint while `votersOutgoing` is not empty. */
export interface ClusterConfig {
  readonly voters: readonly MemberId[];
  readonly votersOutgoing: readonly MemberId[];
  readonly learners: readonly MemberId[];
  /** Voters of the outgoing half that become learners when the joint configuration is left. */
  readonly learnersNext: readonly MemberId[];
  /** The leader leaves the joint configuration by itself once it is committed. */
  readonly autoLeave: boolean;
}

export type ConfigChangeKind = 'add-voter' | 'add-learner' | 'remove';

/** One change (simple) or several (joint). No changes: leave the joint configuration. */
export interface ConfigChange {
  readonly changes: readonly { readonly kind: ConfigChangeKind; readonly id: MemberId }[];
  /** Carried for the state machine (addresses and names of the members); opaque to raft. */
  readonly context: Uint8Array;
}

/** State as of `index`; the log before it is not needed. */
export interface SnapshotMeta {
  readonly index: Index;
  readonly term: Term;
  readonly config: ClusterConfig;
  /** The index of the entry that made `config`; 0: the one that the cluster began with. */
  readonly configIndex: Index;
}

interface Envelope {
  readonly from: MemberId;
  readonly to: MemberId;
  /** The sender's term (for pre-vote requests: the term it would have). */
  readonly term: Term;
}

/** Everything that members say to each other about consensus. */
export type Message = Envelope &
  (
    | {
        readonly type: 'vote-request';
        readonly preVote: boolean;
        readonly lastIndex: Index;
        readonly lastTerm: Term;
        /** A transfer of leadership: the receiver need not wait for its leader's lease to end. */
        readonly transfer: boolean;
      }
    | { readonly type: 'vote-response'; readonly preVote: boolean; readonly granted: boolean }
    | {
        readonly type: 'append';
        readonly previousIndex: Index;
        readonly previousTerm: Term;
        readonly entries: readonly Entry[];
        readonly commit: Index;
      }
    | {
        readonly type: 'append-response';
        /** Accepted: the last index known to match. Rejected: the previousIndex that did not fit. */
        readonly index: Index;
        readonly rejected: boolean;
        /** With a rejection: where the follower's log could match, and its term there (fast back-off). */
        readonly hintIndex: Index;
        readonly hintTerm: Term;
      }
    | {
        readonly type: 'heartbeat';
        readonly commit: Index;
        /** The newest read round that this heartbeat confirms leadership for; 0 for none. */
        readonly readRound: number;
        /** The leader serves lease reads: the receiver must not help to elect another one early. */
        readonly leaseReads: boolean;
      }
    | { readonly type: 'heartbeat-response'; readonly readRound: number }
    | {
        /** From the core: "send this member your state". To the core: it has arrived in full. */
        readonly type: 'snapshot';
        readonly snapshot: SnapshotMeta;
      }
    | { readonly type: 'timeout-now' }
    | { readonly type: 'transfer-leader'; readonly target: MemberId }
    | { readonly type: 'read-index'; readonly context: number }
    | {
        readonly type: 'read-index-response';
        readonly context: number;
        /** 0: the leader could not serve it; ask again. */
        readonly index: Index;
      }
    | {
        readonly type: 'propose';
        /** Grows within one run of the sender, and stays the same when it is sent again. */
        readonly proposalId: number;
        readonly entryType: 'normal' | 'config';
        readonly data: Uint8Array;
        /** For `config`: the index of the configuration that the proposer checked against; else 0. */
        readonly configIndex: Index;
        /** For `normal`: the proposal that must be decided before this one, for they keep their order; 0: none. */
        readonly behindId: number;
      }
    | {
        readonly type: 'propose-response';
        readonly proposalId: number;
        readonly outcome: ProposalOutcome;
      }
  );

export type MessageType = Message['type'];

/** Why a proposal was certainly not appended. */
export type DropReason =
  /** No leader is known, or leadership is being handed over; try again soon. */
  | 'no-leader'
  /** The bytes of entries that the leader has not yet committed and applied are at their limit. */
  | 'overloaded'
  /** Another configuration change is under way, or the one checked against is no longer the newest. */
  | 'config-conflict'
  /** Too few of the voters after the change are known to be alive. */
  | 'quorum-would-be-lost'
  /** The change makes no sense (unknown member, last voter). */
  | 'invalid-config'
  /** The learner that is to vote has not taken anything of the log or the state yet. */
  | 'learner-behind';

/**
 * `appended`: it stands at (term, index) of the leader's log. If another term is applied at that index, the
 * proposal is lost. If an entry of a later term than the proposal's is applied before it, it is lost too.
 */
export type ProposalOutcome =
  | { readonly kind: 'appended'; readonly term: Term; readonly index: Index }
  | { readonly kind: 'dropped'; readonly reason: DropReason };

export interface ProposalResult {
  readonly proposalId: number;
  readonly outcome: ProposalOutcome;
}

/** The answer to readIndex(context): reads are linearizable once `index` is applied. */
export interface ReadState {
  readonly context: number;
  readonly index: Index;
}

/** What the core wants done. Outputs of one call to ready(), in this order. */
export interface Ready {
  /** To be installed before anything else of this Ready; the log is then empty at its index. */
  readonly snapshot: SnapshotMeta | undefined;
  /**
   * To be persisted in one write with `entries`; undefined if unchanged. Its term and vote may be persisted ahead, alone:
   * the commit index counts entries, and the snapshot, of this Ready.
   */
  readonly hardState: HardState | undefined;
  /** To be appended. The first may overwrite an index persisted before: all after it is then void. */
  readonly entries: readonly Entry[];
  /** Pass to persisted() when snapshot, hardState and entries are on disk; undefined if there is nothing. */
  readonly persistMark: number | undefined;
  /** May leave at once, beside the disk write. */
  readonly messages: readonly Message[];
  /** May leave only when term and vote of THIS Ready and all before it are on disk, whatever else is. */
  readonly messagesAfterHardState: readonly Message[];
  /** May leave only after the persist of THIS Ready and all before it. */
  readonly messagesAfterPersist: readonly Message[];
  /** Committed and persisted here, in order, each once. To be applied, then reported by applied(). */
  readonly committed: readonly Entry[];
  readonly readStates: readonly ReadState[];
  readonly proposalResults: readonly ProposalResult[];
  /** Entries that are in the log on disk alone, and that a member lacks. Answered by entriesRead(). */
  readonly logReads: readonly LogRead[];
}

/** One at a time for each member. */
export interface LogRead {
  /** Who is to be sent them. */
  readonly for: MemberId;
  /** The first of them; as many as are read at once. */
  readonly from: Index;
}

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

export interface ProgressStatus {
  readonly match: Index;
  readonly next: Index;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  readonly recentActive: boolean;
  readonly learner: boolean;
}

export interface RaftStatus {
  readonly id: MemberId;
  readonly role: Role;
  readonly term: Term;
  readonly leader: MemberId;
  readonly commit: Index;
  readonly applied: Index;
  readonly lastIndex: Index;
  readonly firstIndex: Index;
  /** The newest configuration in the log, and the index of its entry. */
  readonly config: ClusterConfig;
  readonly configIndex: Index;
  /** Per other member, at the leader only. */
  readonly progress: ReadonlyMap<MemberId, ProgressStatus>;
  readonly transferTarget: MemberId;
  /** A leader that would answer a read now from its lease, without asking anyone. */
  readonly readLease: boolean;
}
