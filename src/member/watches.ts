import type { MemberId } from '../base/ids.js';
import { DiskWatch } from './disk-watch.js';
import { LeaderWatch } from './leader-watch.js';
import type { Loop } from './loop.js';
import type { MemberParts } from './parts.js';
import type { Proposals } from './proposals.js';
import { Reachability } from './reachability.js';
import type { Reads } from './reads.js';
import { Serviceability } from './serviceability.js';

interface Watched {
  readonly loop: Pick<Loop, 'oldestLogWorkMs' | 'incoming'>;
  readonly proposals: Pick<Proposals, 'idleTicks'>;
  readonly reads: Pick<Reads, 'idleTicks'>;
  readonly nameOf: (id: MemberId) => string;
  /** Name and address, for people. */
  readonly describe: (id: MemberId) => string;
  /** Whether this member serves has changed. */
  readonly changed: () => void;
}

/** What a member notices of the others, of its disk, and of itself. */
export class Watches {
  readonly reachability: Reachability;
  readonly #leader: LeaderWatch;
  readonly #disk: DiskWatch;
  readonly #serviceability: Serviceability;
  readonly #changed: () => void;

  constructor({ id, clock, log, options, raft, machine }: MemberParts, watched: Watched) {
    const { loop, proposals, reads, nameOf, describe } = watched;
    const { electionTimeoutMs, heartbeatIntervalMs } = options;
    this.#changed = watched.changed;
    this.reachability = new Reachability({ clock, log, graceMs: electionTimeoutMs, nameOf });
    this.#leader = new LeaderWatch({
      ...{ id, clock, log, electionTimeoutMs, describe },
      leader: () => raft.leader,
      config: () => machine.config,
      reaches: (each) => this.reachability.of(each)?.reachable === true,
    });
    this.#disk = new DiskWatch({
      ...{ clock, log, raft, electionTimeoutMs },
      oldestLogWorkMs: () => loop.oldestLogWorkMs,
    });
    this.#serviceability = new Serviceability({
      id,
      patienceTicks: Math.ceil(electionTimeoutMs / heartbeatIntervalMs),
      leader: () => raft.leader,
      reaches: (each) => this.reachability.of(each)?.reachable !== false,
      lacksState: () => raft.installing || loop.incoming.isAwaited,
      diskHung: () => this.#disk.hung,
      readsIdleTicks: () => reads.idleTicks,
      writesIdleTicks: () => proposals.idleTicks,
    });
  }

  get serving(): boolean {
    return this.#serviceability.serving;
  }

  tick(): void {
    this.reachability.tick();
    this.#leader.tick();
    this.#disk.tick();
    this.look();
  }

  /** After whatever may have changed whether this member serves. */
  look(): void {
    if (this.#serviceability.look()) this.#changed();
  }
}
