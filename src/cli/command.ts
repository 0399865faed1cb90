import type { KvorumClient } from '../client/index.js';
import type { ExitCode, StopSignal } from './exit-codes.js';
import type { FlagSpec, FlagValues } from './flags.js';

/** The process as a command sees it; tests give their own. */
export interface Io {
  /** For the answer, and nothing else. */
  readonly stdout: Output;
  /** For messages; a write never rejects. */
  readonly stderr: Output;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How this program is called, for hints: `kvorum`, `./bin/client`. */
  readonly program: string;
  /** How a server is started: `kvorum serve`, `./bin/server`. */
  readonly server: string;
  /** Calls `stop` with the name of each signal that asks the process to end. @returns ends that */
  onSignal(stop: (signal: StopSignal) => void): () => void;
  /** Calls `reload` at each SIGHUP of a process whose terminal, if it has one, is still there. @returns ends that */
  onReload(reload: () => void): () => void;
}

export interface Output {
  readonly isTTY: boolean;
  /** Resolves when it is taken. Rejects with OutputClosedError when whoever reads it has left. */
  write(text: string | Uint8Array): Promise<void>;
  /** Opens the file anew that it writes to: it may have been moved away. @returns what that came to, for people */
  reopen?(): Promise<string>;
  /** Writes what `rest` returns when the process ends, as far as that can be done without waiting. */
  atExit?(rest: () => string): void;
}

export interface Invocation {
  readonly args: readonly string[];
  readonly flags: FlagValues;
  readonly io: Io;
}

/**
 * One entry of the command table: parsing, help, completion and documentation come from it. The table is loaded for
 * every command, the code of a command only when it runs.
 */
export interface Command {
  readonly name: string;
  /** Other names that it answers to. */
  readonly aliases?: readonly string[];
  /** Arguments as shown, like `KEY VALUE` and `[FILE]`. */
  readonly usage: string;
  readonly summary: string;
  readonly flags: readonly FlagSpec[];
  readonly argumentsMin: number;
  readonly argumentsMax: number;
  /** What follows the program's name. */
  readonly examples: readonly string[];
  run(invocation: Invocation): Promise<ExitCode>;
}

/** A command that talks to servers gets a client, which is closed behind it. */
export type ClientAction = (client: KvorumClient, invocation: Invocation) => Promise<ExitCode>;
