import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { within } from '../../system/processes/deadline.js';
import type { HonestReport, Phase } from './figures.js';
import type { HonestMessage, HonestOrders } from './main.js';

/** The process of the honest clients; it ends with this one. */
export class HonestClients {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(orders: HonestOrders): Promise<HonestClients> {
    const child = fork(fileURLToPath(new URL('main.js', import.meta.url)), [JSON.stringify(orders)]);
    await within('honest client', once(child, 'message'));
    return new HonestClients(child);
  }

  enter(phase: Phase): void {
    this.#send({ phase });
  }

  /** Lets the calls that are under way end. */
  async stop(): Promise<HonestReport> {
    const told = once(this.#child, 'message') as Promise<[HonestReport]>;
    this.#send({ stop: true });
    const [report] = await within('report of the honest clients', told);
    return report;
  }

  #send(message: HonestMessage): void {
    this.#child.send(message);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
