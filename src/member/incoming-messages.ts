import { MalformedBytesError } from '../base/byte-stream.js';
import { checkEntry, checkProposal } from '../fsm/entry-check.js';
import { entryName, formatEntryName } from '../fsm/passed-over.js';
import type { StateMachine } from '../fsm/state-machine.js';
import type { Message } from '../raft/types.js';

/**
 * Looks at what another member sends before Raft sees it. What it carries for the state machine would stop all members,
 * at each start again, if it were in the log and could not be applied.
 *
 * @throws MalformedBytesError
 */
export function checkMessage(message: Message, machine: StateMachine): void {
  switch (message.type) {
    case 'append':
      for (const entry of message.entries) {
        if (machine.passesOver(entry)) continue;
        try {
          checkEntry(entry.type, entry.data);
        } catch (error) {
          const why = error instanceof Error ? error.message : String(error);
          throw new MalformedBytesError(
            `entry ${formatEntryName(entryName(entry))} cannot be applied (${why}) and is not taken into the log`,
          );
        }
      }
      return;
    case 'propose':
      checkProposal(message.entryType, message.data, machine.removedMembers());
      return;
    case 'snapshot':
      // It says that a snapshot has arrived, and comes from this member itself alone.
      throw new MalformedBytesError('a snapshot without its bytes');
    default:
  }
}
