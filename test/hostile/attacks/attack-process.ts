import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { within } from '../../system/processes/deadline.js';
import type { Deeds, Orders } from './attacker.js';

/** Attackers have machines of their own. Here they get what is left: members and honest clients come first. */
const niceness = 10;

/** An attack in a process of its own, so that its work is not the tester's; it ends with this one. */
export class AttackProcess {
  readonly #child: ChildProcess;
  readonly #told: Promise<[Deeds]>;
  readonly #timeMs: number;

  constructor(orders: Orders) {
    this.#child = fork(fileURLToPath(new URL('main.js', import.meta.url)), [JSON.stringify(orders)]);
    setPriority(this.#child.pid!, niceness);
    this.#told = once(this.#child, 'message') as Promise<[Deeds]>;
    this.#told.catch(() => {
      // Told by ended().
    });
    this.#timeMs = orders.seconds * 1000;
  }

  /** Resolves when it has gone, its connections with it. */
  async ended(): Promise<Deeds> {
    const exited = once(this.#child, 'exit').then(() => {
      throw new Error('an attacker ended without a word');
    });
    exited.catch(() => {
      // So it ends when it has told.
    });
    const [deeds] = await within(
      'end of an attack',
      Promise.race([this.#told, exited]),
      this.#timeMs + 30_000,
    );
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    return deeds;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
