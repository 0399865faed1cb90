import { pino, type DestinationStream } from 'pino';
import type { Log } from '../base/log.js';
import type { LogLevel } from './log-levels.js';

export interface LogOptions {
  readonly level: LogLevel;
  /** `text`: a readable line per event; `json`: an object per line. */
  readonly format: 'text' | 'json';
  readonly colour: boolean;
  readonly write: (line: string) => void;
}

const colours: Readonly<Record<string, string>> = { debug: '2', info: '36', warn: '33', error: '31' };

/** The server's events, one line each. */
export function makeServerLog(options: LogOptions): Log {
  const destination: DestinationStream = {
    write: (line) => options.write(options.format === 'text' ? textLine(line, options.colour) : line),
  };
  return pino(
    { level: options.level, base: null, formatters: { level: (label) => ({ level: label }) } },
    destination,
  );
}

/** The line that stands where others are missing. */
export function lostLines(lines: number, format: LogOptions['format']): string {
  const line = JSON.stringify({
    level: 'warn',
    time: Date.now(),
    lines,
    msg: 'log lines were lost: nobody took them',
  });
  return format === 'text' ? textLine(line, false) : `${line}\n`;
}

/** `22:31:05.123 info  role and term  role=leader  term=2`, in local time. */
function textLine(json: string, colour: boolean): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const clock = clockText(new Date(Number(time)));
  const label = String(level).padEnd(5);
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${valueText(value)}`);
  const head = colour
    ? `\x1b[2m${clock}\x1b[0m \x1b[${colours[String(level)] ?? '0'}m${label}\x1b[0m`
    : `${clock} ${label}`;
  return `${[`${head} ${escaped(String(msg))}`, ...shown].join('  ')}\n`;
}

function clockText(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':');
  return `${clock}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(' ')}]`;
  if (typeof value !== 'string') return escaped(JSON.stringify(value));
  return /^[^\s"=[\]]+$/.test(value) ? escaped(value) : escaped(JSON.stringify(value));
}

/** What would break the line or steer the terminal may come from outside: names, addresses, paths. */
function escaped(text: string): string {
  return text.replace(/\p{C}/gu, (sign) => `\\u${sign.codePointAt(0)!.toString(16).padStart(4, '0')}`);
}
