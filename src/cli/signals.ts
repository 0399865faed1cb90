import { isatty } from 'node:tty';
import { signalCodes, type ExitCode, type StopSignal } from './exit-codes.js';

/** The process, as far as it gets signals. */
interface Signalled {
  on(signal: NodeJS.Signals, handler: () => void): unknown;
  off(signal: NodeJS.Signals, handler: () => void): unknown;
  exit(code: ExitCode): void;
}

/** What signals ask of a command: to end, or to read anew what it can. */
export class Signals {
  readonly #process: Signalled;
  readonly #isTerminal: (fd: number) => boolean;
  /** Of stdin, stdout and stderr, those that were terminals at the start. */
  readonly #terminals: readonly number[];
  readonly #reloads = new Set<() => void>();

  constructor(process: Signalled, isTerminal: (fd: number) => boolean = isatty) {
    this.#process = process;
    this.#isTerminal = isTerminal;
    this.#terminals = [0, 1, 2].filter(isTerminal);
    // Node would open its debugger, to whoever can reach the loopback address.
    process.on('SIGUSR1', () => {});
  }

  /**
   * The first signal asks, a further one insists. SIGHUP asks alone: the kernel and the shell of a terminal that was
   * closed both send it.
   */
  onSignal(stop: (signal: StopSignal) => void): () => void {
    let asked = false;
    const ask = (signal: StopSignal): void => {
      if (asked && signal !== 'SIGHUP') this.#process.exit(signalCodes[signal]);
      if (!asked) stop(signal);
      asked = true;
    };
    const ends = (['SIGINT', 'SIGTERM'] as const).map((signal) => this.#on(signal, () => ask(signal)));
    const hangUp = this.#on('SIGHUP', () => {
      if (this.#reloads.size === 0 || this.terminalIsGone) ask('SIGHUP');
      else for (const reload of this.#reloads) reload();
    });
    return () => {
      for (const end of [...ends, hangUp]) end();
    };
  }

  /** At a SIGHUP that does not come because the terminal has gone, as long as onSignal() is listened to. */
  onReload(reload: () => void): () => void {
    this.#reloads.add(reload);
    return () => this.#reloads.delete(reload);
  }

  #on(signal: NodeJS.Signals, handler: () => void): () => void {
    this.#process.on(signal, handler);
    return () => this.#process.off(signal, handler);
  }

  /** One that was closed is no terminal any more. */
  get terminalIsGone(): boolean {
    return this.#terminals.some((fd) => !this.#isTerminal(fd));
  }
}
