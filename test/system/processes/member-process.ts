import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { within } from './deadline.js';
import { LogEvents, type LogEvent } from './log-events.js';

/** The compiled command line. */
export const mainScript = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
/** What is installed as `kvorum`: the same in few files. */
export const bundledScript = fileURLToPath(new URL('../../../bundle/main.js', import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Launch {
  /** Words before `node`: another network namespace, another clock. */
  readonly prefix?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The command line; the compiled one unless told. */
  readonly script?: string;
}

const running = new Set<ChildProcess>();
let guarded = false;

/** Whatever ends the test, no member outlives it. */
function guard(): void {
  if (guarded) return;
  guarded = true;
  process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL');
  });
  process.once('SIGTERM', () => process.exit(143));
}

/** One life of one member: `kvorum serve` as a child process. */
export class MemberProcess {
  readonly name: string;
  readonly log = new LogEvents();
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #exit: Exit | undefined;
  #loggedBytes = 0;

  constructor(name: string, serveFlags: readonly string[], launch: Launch = {}) {
    this.name = name;
    const words = [...(launch.prefix ?? []), process.execPath, launch.script ?? mainScript];
    words.push('serve', ...serveFlags);
    this.#child = spawn(words[0]!, words.slice(1), {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...launch.env },
    });
    guard();
    running.add(this.#child);
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#loggedBytes += Buffer.byteLength(text);
      this.log.push(text);
    });
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        running.delete(this.#child);
        this.#exit = { code, signal };
        this.log.end(`${name} ended (${code ?? signal}): ${this.log.plain.at(-1) ?? 'without a word'}`);
        resolve(this.#exit);
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get isRunning(): boolean {
    return this.#exit === undefined;
  }

  /** Of what it wrote to stderr, as far as it was read. */
  get loggedBytes(): number {
    return this.#loggedBytes;
  }

  /** Whoever reads its log stands still. */
  stopReadingLog(): void {
    this.#child.stderr!.pause();
  }

  readLogAgain(): void {
    this.#child.stderr!.resume();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** An event of this life with this message and these fields, had or to come. */
  event(message: string, fields: Readonly<Record<string, unknown>> = {}, since = 0): Promise<LogEvent> {
    const wanted = Object.entries(fields);
    const matches = (event: LogEvent): boolean =>
      event.msg === message && wanted.every(([field, value]) => event[field] === value);
    const what = `${this.name}: "${message}" ${JSON.stringify(fields)}`;
    return within(what, this.log.wait(matches, since));
  }

  ended(): Promise<Exit> {
    return within(`${this.name}: the end of its process`, this.exited);
  }
}
