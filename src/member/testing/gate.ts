import type { Machine } from './memory-cluster.js';

/** What comes to it goes on when it is opened. */
export class Gate {
  /** So many came to it. */
  arrivals = 0;
  readonly opened: Promise<undefined>;
  open: () => void = () => {};

  constructor() {
    this.opened = new Promise((resolve) => {
      this.open = () => resolve(undefined);
    });
  }

  pass(): Promise<undefined> {
    this.arrivals++;
    return this.opened;
  }
}

/** Whatever the machine's disk begins from now on goes on when the returned function is called. */
export function hang({ disk }: Machine): () => void {
  const gate = new Gate();
  const before = disk.faults;
  disk.faults = () => gate.pass();
  return () => {
    disk.faults = before;
    gate.open();
  };
}
