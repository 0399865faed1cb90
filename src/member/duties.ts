import type { Command, CommandResult } from '../fsm/command.js';
import { Compaction } from './compaction.js';
import { LearnerPromotion } from './learner-promotion.js';
import { LevelRaise } from './level-raise.js';
import type { MembershipChanges } from './membership-changes.js';
import type { MemberParts } from './parts.js';
import { Publication } from './publication.js';

/** What a member sees to by itself, tick after tick: some of it always, some while it leads. */
export class Duties {
  readonly #publication: Publication;
  readonly #compaction: Compaction;
  readonly #levelRaise: LevelRaise;
  readonly #promotion: LearnerPromotion;

  /** @param failed told what must stop the member */
  constructor(
    parts: MemberParts,
    changes: MembershipChanges,
    write: (command: Command) => Promise<CommandResult>,
    writeAll: (commands: readonly Command[]) => Promise<readonly CommandResult[]>,
    failed: (error: unknown) => void,
  ) {
    this.#publication = new Publication(parts, writeAll);
    this.#compaction = new Compaction(parts, write, failed);
    this.#levelRaise = new LevelRaise(parts, write);
    this.#promotion = new LearnerPromotion(parts, changes);
  }

  /** This member is up. */
  announce(): void {
    this.#publication.announce();
  }

  tick(leading: boolean): void {
    this.#publication.tick();
    this.#compaction.tick();
    this.#promotion.tick(leading);
    if (leading) this.#levelRaise.tick();
  }

  end(): void {
    this.#compaction.end();
  }
}
