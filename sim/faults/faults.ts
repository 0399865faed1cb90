import type { Cluster } from '../cluster.js';
import type { CornerKind } from '../corners.js';
import { Dice } from '../dice.js';
import type { PlannedFault } from '../plan.js';
import { clockFaults } from './clocks.js';
import { cornerFaults } from './corners.js';
import { crashFaults } from './crashes.js';
import { diskFaults } from './disks.js';
import { visibleKinds, type FaultKind } from './kinds.js';
import { membershipFaults } from './membership.js';
import { networkFaults } from './network.js';
import type { Fault } from './scene.js';

const faults: Readonly<Record<FaultKind | CornerKind, Fault>> = {
  ...crashFaults,
  ...networkFaults,
  ...clockFaults,
  ...diskFaults,
  ...membershipFaults,
  ...cornerFaults,
};

/** Makes the planned faults happen, and ends those that last. */
export class Faults {
  readonly #cluster: Cluster;
  readonly #active = new Set<() => void>();
  #ended = false;
  /** So many have happened to something. */
  count = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  schedule(planned: readonly PlannedFault[]): void {
    for (const fault of planned) this.#cluster.clock.setTimer(fault.atMs, () => this.#happen(fault));
  }

  #happen(fault: PlannedFault): void {
    if (this.#ended) return;
    const done = faults[fault.kind]({
      cluster: this.#cluster,
      dice: Dice.of(fault.seed, fault.kind),
      lasts: (ms, end) => this.#lasts(fault, ms, end),
    });
    if (done === undefined) return;
    this.#cluster.liveness.disturb();
    this.count++;
    this.#cluster.trace('fault', 'fault', `${fault.id} ${done}`);
  }

  #lasts(fault: PlannedFault, ms: number, end: () => void): void {
    const isHidden = !visibleKinds.has(fault.kind);
    const ending = (): void => {
      if (!this.#active.delete(ending)) return;
      this.#cluster.trace('fault', 'mend', fault.id);
      end();
      if (isHidden) this.#cluster.hiddenFaults--;
      this.#cluster.liveness.disturb();
    };
    if (isHidden) this.#cluster.hiddenFaults++;
    this.#active.add(ending);
    this.#cluster.clock.setTimer(ms, ending);
  }

  /** Ends what lasts; nothing new begins. */
  end(): void {
    this.#ended = true;
    for (const ending of [...this.#active]) ending();
  }
}
