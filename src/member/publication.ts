import type { Command, CommandResult } from '../fsm/command.js';
import type { MemberParts } from './parts.js';

/** Makes this member's name and client address known to the cluster, and keeps them true after a move. */
export class Publication {
  readonly #parts: MemberParts;
  readonly #write: (command: Command) => Promise<CommandResult>;
  #underWay = false;

  constructor(parts: MemberParts, write: (command: Command) => Promise<CommandResult>) {
    this.#parts = parts;
    this.#write = write;
  }

  tick(): void {
    const { machine, id, name, clientAddress, raft, log } = this.#parts;
    if (this.#underWay || raft.leader === 0n) return;
    const record = machine.members().find((each) => each.id === id);
    if (record === undefined || (record.name === name && record.clientAddress === clientAddress)) return;
    this.#underWay = true;
    this.#write({ type: 'publish', id, name, clientAddress })
      .catch((error: unknown) => {
        log.debug(
          { reason: error instanceof Error ? error.message : String(error) },
          'publishing again later',
        );
      })
      .finally(() => {
        this.#underWay = false;
      });
  }
}
