import type { Command, CommandResult } from '../fsm/command.js';
import { Compaction } from './compaction.js';
import { promoteLearners } from './learner-promotion.js';
import { LevelRaise } from './level-raise.js';
import type { MembershipChanges } from './membership-changes.js';
import type { MemberParts } from './parts.js';
import { Publication } from './publication.js';

/** What a member sees to by itself, tick after tick: some of it always, some while it leads. */
export class Duties {
  readonly #parts: MemberParts;
  readonly #changes: MembershipChanges;
  readonly #publication: Publication;
  readonly #compaction: Compaction;
  readonly #levelRaise: LevelRaise;

  /** @param failed told what must stop the member */
  constructor(
    parts: MemberParts,
    changes: MembershipChanges,
    write: (command: Command) => Promise<CommandResult>,
    failed: (error: unknown) => void,
  ) {
    this.#parts = parts;
    this.#changes = changes;
    this.#publication = new Publication(parts, write);
    this.#compaction = new Compaction(parts, write, failed);
    this.#levelRaise = new LevelRaise(parts, write);
  }

  /** This member is up. */
  announce(): void {
    this.#publication.announce();
  }

  tick(leading: boolean): void {
    this.#publication.tick();
    this.#compaction.tick();
    if (!leading) return;
    this.#levelRaise.tick();
    promoteLearners(this.#parts, this.#changes);
  }

  end(): void {
    this.#compaction.end();
  }
}
