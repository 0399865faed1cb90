import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The kernel counts CPU time in these on every Linux (`getconf CLK_TCK`). */
const clockTicksPerSecond = 100;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** One server under test. What it prints goes to a file; it does not outlive this process. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly #exited: Promise<void>;
  #ended = false;

  constructor(program: Program, logFile: string) {
    const log = openSync(logFile, 'a');
    this.#logFile = logFile;
    this.#child = spawn(program.command, program.args, {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...program.env },
    });
    closeSync(log);
    running.add(this.#child);
    this.#exited = new Promise((resolve) => {
      const end = (): void => {
        this.#ended = true;
        running.delete(this.#child);
        resolve();
      };
      this.#child.once('exit', end);
      this.#child.once('error', end);
    });
  }

  get running(): boolean {
    return !this.#ended;
  }

  /** The end of what it printed, for an error message. */
  get lastOutput(): string {
    return readFileSync(this.#logFile, 'utf8').slice(-1000);
  }

  /** Resolves when the process has ended. */
  async kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (!this.#ended) this.#child.kill(signal);
    await this.#exited;
  }

  /** CPU time in user and system mode of all its threads since it began. */
  get cpuSeconds(): number {
    const stat = this.#proc('stat');
    // The second field is the name in parentheses, which may hold spaces; utime and stime are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / clockTicksPerSecond;
  }

  /** All resident pages, those of mapped files (the database) included. */
  get residentBytes(): number {
    return this.#statusBytes('VmRSS');
  }

  /** Resident pages of no file: heap, buffers, caches of its own. */
  get residentAnonymousBytes(): number {
    return this.#statusBytes('RssAnon');
  }

  #statusBytes(field: string): number {
    const kibibytes = new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(this.#proc('status'))?.[1];
    return Number(kibibytes) * 1024;
  }

  #proc(name: string): string {
    return readFileSync(`/proc/${this.#child.pid ?? 0}/${name}`, 'utf8');
  }
}
