import { pino, type DestinationStream } from 'pino';
import type { Log } from '../base/log.js';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

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

/** `22:31:05.123 info  role and term  role=leader term=2` */
function textLine(json: string, colour: boolean): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const clock = new Date(Number(time)).toISOString().slice(11, 23);
  const label = String(level).padEnd(5);
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${valueText(value)}`);
  const head = colour
    ? `\x1b[2m${clock}\x1b[0m \x1b[${colours[String(level)] ?? '0'}m${label}\x1b[0m`
    : `${clock} ${label}`;
  return `${[`${head} ${String(msg)}`, ...shown].join('  ')}\n`;
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(' ')}]`;
  if (typeof value !== 'string') return JSON.stringify(value);
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
