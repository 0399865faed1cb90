import { MalformedBytesError } from '../base/byte-stream.js';
import { checkEntry, checkProposal } from '../fsm/entry-check.js';
import { entryName, formatEntryName } from '../fsm/passed-over.js';
import { knowsLevel, type LevelRange } from '../base/feature-levels.js';
import { raisesTo } from '../fsm/members/raises-to.js';
import type { StateMachine } from '../fsm/state-machine.js';
import type { Raft } from '../raft/raft.js';
import type { Entry, Message } from '../raft/types.js';

/** What incoming messages are judged by. */
export interface Knowledge {
  readonly machine: Pick<StateMachine, 'passesOver' | 'removedMembers'>;
  readonly raft: Pick<Raft, 'role' | 'unapplied' | 'entryTerm'>;
  /** The feature levels of this version. */
  readonly levels: LevelRange;
}

/**
 * Looks at what another member sends before Raft sees it. What it carries for the state machine would stop all members,
 * at each start again, if it were in the log and could not be applied.
 *
 * @returns what Raft may see of it; undefined: nothing, as if it had been lost
 * @throws MalformedBytesError
 */
export function admit(message: Message, knowledge: Knowledge): Message | undefined {
  const { machine, raft, levels } = knowledge;
  switch (message.type) {
    case 'append':
      for (let at = 0; at < message.entries.length; at++) {
        const entry = message.entries[at]!;
        if (machine.passesOver(entry)) continue;
        try {
          checkEntry(entry.type, entry.data);
        } catch (error) {
          const before = message.entries.slice(0, at);
          // A part of an append is one too: this member comes to the entry that raises the level, and ends there.
          if (isOutgrown(before, knowledge)) return { ...message, entries: before };
          // They do not follow on what is here, and the answer says so: the raise may be among those that come then.
          if (raft.entryTerm(message.previousIndex) !== message.previousTerm) {
            return { ...message, entries: [] };
          }
          const why = error instanceof Error ? error.message : String(error);
          throw new MalformedBytesError(
            `entry ${formatEntryName(entryName(entry))} cannot be applied (${why}) and is not taken into the log`,
          );
        }
      }
      return message;
    case 'propose':
      // Who does not lead says so, and takes nothing.
      if (raft.role !== 'leader') return message;
      try {
        checkProposal(message.entryType, message.data, machine.removedMembers(), levels.max);
        return message;
      } catch (error) {
        // This leader ends at the raise that it holds. Its links must stand until then: it commits what ends it.
        if (isOutgrown([], knowledge)) return undefined;
        throw error;
      }
    case 'snapshot':
      // It says that a snapshot has arrived, and comes from this member itself alone.
      throw new MalformedBytesError('a snapshot without its bytes');
    default:
      return message;
  }
}

/** Whether a level that this version does not know is about to be raised: what comes behind may well be new to it. */
function isOutgrown(before: readonly Entry[], { raft, levels }: Knowledge): boolean {
  for (const entries of [before, raft.unapplied()]) {
    for (const entry of entries) {
      const level = raisesTo(entry);
      if (level !== undefined && !knowsLevel(levels, level)) return true;
    }
  }
  return false;
}
