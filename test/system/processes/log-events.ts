/** One line of a member's log. */
export interface LogEvent {
  readonly level: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

type Matches = (event: LogEvent) => boolean;

interface Waiter {
  readonly matches: Matches;
  readonly resolve: (event: LogEvent) => void;
  readonly reject: (error: Error) => void;
}

/** Of lines that are shown when a test fails. */
const shownLinesMax = 60;

/** What a process writes to stderr: JSON lines, as events that can be waited for, and plain lines. */
export class LogEvents {
  readonly #events: LogEvent[] = [];
  readonly #plain: string[] = [];
  readonly #waiters = new Set<Waiter>();
  #rest = '';
  #ended: string | undefined;

  push(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#take(line);
  }

  #take(line: string): void {
    if (!line.startsWith('{"level"')) {
      if (line !== '') this.#plain.push(line);
      return;
    }
    const event = JSON.parse(line) as LogEvent;
    this.#events.push(event);
    for (const waiter of this.#waiters) {
      if (!waiter.matches(event)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(event);
    }
  }

  /** The process is gone: what has not come never will. */
  end(why: string): void {
    this.#take(this.#rest);
    this.#rest = '';
    this.#ended = why;
    for (const waiter of this.#waiters) waiter.reject(new Error(why));
    this.#waiters.clear();
  }

  /** Events so far; the place from which to wait for what comes. */
  get length(): number {
    return this.#events.length;
  }

  /** Those with this message, from the place `since` on. */
  all(message: string, since = 0): readonly LogEvent[] {
    return this.#events.slice(since).filter(({ msg }) => msg === message);
  }

  /** Those that tell a bug or a failing machine, from the place `since` on. */
  errors(since = 0): readonly LogEvent[] {
    return this.#events.slice(since).filter(({ level }) => level === 'error');
  }

  /** Lines that are no events: what the process has to say at its end. */
  get plain(): readonly string[] {
    return this.#plain;
  }

  /** The first event from the place `since` on that matches, had or to come. Rejects when the process ends first. */
  wait(matches: Matches, since = 0): Promise<LogEvent> {
    const had = this.#events.slice(since).find(matches);
    if (had !== undefined) return Promise.resolve(had);
    if (this.#ended !== undefined) return Promise.reject(new Error(this.#ended));
    return new Promise((resolve, reject) => {
      this.#waiters.add({ matches, resolve, reject });
    });
  }

  /** The last lines, each with its time. */
  shown(name: string): { readonly time: number; readonly line: string }[] {
    const events = this.#events.slice(-shownLinesMax).map(({ time, level, msg, ...fields }) => {
      const clock = new Date(time).toISOString().slice(11, 23);
      const told = Object.entries(fields).map(([field, value]) => `${field}=${JSON.stringify(value)}`);
      return { time, line: [`${clock} ${name} ${level} ${msg}`, ...told].join('  ') };
    });
    const time = events.at(-1)?.time ?? 0;
    return [...events, ...this.#plain.map((line) => ({ time, line: `${name}: ${line}` }))];
  }
}
