import type { Revision } from '../base/ids.js';
import type { KeyCommand, KeyResult, KeyValue } from './keys/key-commands.js';
import type { MemberCommand, MemberResult } from './members/member-commands.js';

export type { KeyValue };

/** What the replicated state machine can be asked to do, by the part that does it. Encoded by command-codec.ts. */
export type Command = KeyCommand | MemberCommand;

/** Refused by the state machine, deterministically; nothing was changed. */
export interface Refused {
  readonly type: 'refused';
  readonly revision: Revision;
  readonly code:
    | 'REVISION_COMPACTED'
    | 'REVISION_IN_FUTURE'
    | 'MEMBER_NOT_FOUND'
    | 'MEMBER_ADDRESS_TAKEN'
    | 'LIMIT_EXCEEDED';
  readonly message: string;
}

/** The answer to one command. `revision` is the store's after it. */
export type CommandResult = KeyResult | MemberResult | Refused;

/**
 * What one `normal` entry carries: the commands of one turn of one member.
 * (proposer, sequence) tells the proposing member which of its waiting calls the entry answers.
 */
export interface CommandBatch {
  /** Random per process start, so that an earlier life's entries answer nobody. */
  readonly proposer: bigint;
  readonly sequence: number;
  readonly commands: readonly Command[];
}
