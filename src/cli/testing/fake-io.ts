import type { Io, Output } from '../command.js';
import type { ExitCode, StopSignal } from '../exit-codes.js';
import { runCli } from '../run-cli.js';

/** Keeps what is written. */
export class Captured implements Output {
  readonly isTTY: boolean;
  readonly #written: Buffer[] = [];
  readonly #waiters = new Set<() => void>();
  /** What every write rejects with, if it is set. */
  failure: Error | undefined;
  /** As a file that can be opened anew has it. */
  reopen?: () => Promise<string>;

  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }

  write(text: string | Uint8Array): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.#written.push(Buffer.from(text));
    for (const look of this.#waiters) look();
    return Promise.resolve();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#written);
  }

  get text(): string {
    return this.bytes.toString();
  }

  /** Resolves when all that is written matches. */
  until(pattern: RegExp): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!pattern.test(this.text)) return;
        this.#waiters.delete(look);
        resolve();
      };
      this.#waiters.add(look);
      look();
    });
  }
}

export interface FakeIoOptions {
  readonly stdoutIsTTY?: boolean;
  readonly stderrIsTTY?: boolean;
  readonly stdin?: AsyncIterable<Uint8Array>;
  readonly env?: Io['env'];
}

/** A process as commands see it, in memory. */
export class FakeIo implements Io {
  readonly stdout: Captured;
  readonly stderr: Captured;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly env: Io['env'];
  readonly program = 'kvorum';
  readonly server = 'kvorum serve';
  readonly #stops = new Set<(signal: StopSignal) => void>();
  readonly #reloads = new Set<() => void>();

  constructor(options: FakeIoOptions = {}) {
    this.stdout = new Captured(options.stdoutIsTTY);
    this.stderr = new Captured(options.stderrIsTTY);
    this.stdin = options.stdin ?? bytesOf();
    this.env = options.env ?? {};
  }

  onSignal(stop: (signal: StopSignal) => void): () => void {
    this.#stops.add(stop);
    return () => this.#stops.delete(stop);
  }

  onReload(reload: () => void): () => void {
    this.#reloads.add(reload);
    return () => this.#reloads.delete(reload);
  }

  /** How many commands listen to signals. */
  get signalListeners(): number {
    return this.#stops.size + this.#reloads.size;
  }

  signal(signal: StopSignal): void {
    for (const stop of this.#stops) stop(signal);
  }

  /** SIGHUP, not because of a terminal. */
  askToReload(): void {
    for (const reload of this.#reloads) reload();
  }
}

/** A stream of these chunks. */
export async function* bytesOf(...chunks: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(Buffer.from(chunk));
}

export interface Ran {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command line to its end. */
export async function runWords(words: readonly string[], options: FakeIoOptions = {}): Promise<Ran> {
  const io = new FakeIo(options);
  const code = await runCli(words, io);
  return { code, stdout: io.stdout.text, stderr: io.stderr.text };
}
