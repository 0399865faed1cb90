import { commonLevel } from '../base/feature-levels.js';
import type { Command, CommandResult } from '../fsm/command.js';
import type { MemberParts } from './parts.js';

/** The leader raises the cluster's feature level as far as every member, voter or learner, has said that it knows. */
export class LevelRaise {
  readonly #parts: MemberParts;
  readonly #write: (command: Command) => Promise<CommandResult>;
  #underWay = false;

  constructor(parts: MemberParts, write: (command: Command) => Promise<CommandResult>) {
    this.#parts = parts;
    this.#write = write;
  }

  tick(): void {
    const { machine, log } = this.#parts;
    if (this.#underWay) return;
    const level = commonLevel(machine.members().map(({ levels }) => levels));
    if (level === undefined || level <= machine.featureLevel) return;
    this.#underWay = true;
    this.#write({ type: 'raise-level', level })
      .then(
        () => log.info({ featureLevel: machine.featureLevel }, 'feature level of the cluster'),
        (error: unknown) => {
          const reason = error instanceof Error ? error.message : String(error);
          log.debug({ reason }, 'raising the feature level again later');
        },
      )
      .finally(() => {
        this.#underWay = false;
      });
  }
}
