import { sameLevels, type LevelRange } from '../base/feature-levels.js';
import type { Command, CommandResult } from '../fsm/command.js';
import type { MemberParts } from './parts.js';

/**
 * Makes this member's name, client address and feature levels known to the cluster once it is up, and keeps them true
 * after a move and after another version was installed. A
 * member without a client address has never been up: it is not promoted, and a start that fails leaves no voter behind.
 */
export class Publication {
  readonly #parts: MemberParts;
  readonly #write: (command: Command) => Promise<CommandResult>;
  #announced = false;
  #underWay = false;

  constructor(parts: MemberParts, write: (command: Command) => Promise<CommandResult>) {
    this.#parts = parts;
    this.#write = write;
  }

  /** This member is up. */
  announce(): void {
    this.#announced = true;
  }

  tick(): void {
    const { machine, id, name, clientAddress, raft, log } = this.#parts;
    if (!this.#announced || this.#underWay || raft.leader === 0n) return;
    const record = machine.members().find((each) => each.id === id);
    const levels = publishedLevels(this.#parts);
    if (record === undefined) return;
    const isTrue = record.name === name && record.clientAddress === clientAddress;
    if (isTrue && sameLevels(record.levels, levels)) return;
    this.#underWay = true;
    this.#write({ type: 'publish', id, name, clientAddress, levels })
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

/** What this version knows, as far as the operator lets the cluster go; a level that it has reached is held back by nobody. */
export function publishedLevels({ levels, levelHeldMax, machine }: MemberParts): LevelRange {
  return { min: levels.min, max: Math.max(machine.featureLevel, Math.min(levels.max, levelHeldMax)) };
}
