import type { Deeds } from './attacks/attacker.js';
import type { CallFigures, Phase } from './honest/figures.js';

/** What one attack did to one member. */
export interface MemberOutcome {
  readonly name: string;
  readonly running: boolean;
  /** What it had to say when it ended. */
  readonly lastWord: string;
  /** The longest by which a turn of the event loop was late, or for which it told nothing; without what follows. */
  readonly delayMs: number;
  /** The longest by which a turn was late because others had the processors. */
  readonly processorWaitMs: number;
  readonly cpuSeconds: number;
  readonly growthBytes: number;
  readonly keptBytes: number;
  readonly loggedBytes: number;
  /** Lines of its log that tell a bug. */
  readonly errors: readonly string[];
  /** Role and term, as `leader of term 2`. */
  readonly office: { readonly before: string; readonly after: string };
}

export interface Outcome {
  /** The first is the one on whom the attack fell. */
  readonly members: readonly MemberOutcome[];
  readonly deeds: Deeds;
  readonly seconds: number;
  /** The machine's part: by which turns came late of the tester's own event loop, which had nothing to do, and of members. */
  readonly noiseMs: number;
  readonly honest: Readonly<Record<Phase, CallFigures>>;
  readonly newcomers: CallFigures;
}

const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(bytes < 10 * 1024 * 1024 ? 1 : 0);

export const columns = [
  ...['CPU s', 'delay ms', 'noise', 'grown MiB', 'kept MiB', 'sent MiB', 'got MiB', 'conns', 'ended'],
  ...['calls', 'failed', 'p99 ms', 'before', 'newcomer ms'],
] as const;

/** The figures of the member that was attacked, in the order of `columns`. */
export function cellsOf({ members, deeds, honest, newcomers, noiseMs }: Outcome): readonly string[] {
  const [{ cpuSeconds, delayMs, growthBytes, keptBytes }] = members as [MemberOutcome];
  const failures = [...Object.values(honest.during.failures), ...Object.values(honest.after.failures)];
  const failed = failures.reduce((sum, count) => sum + count, 0);
  return [
    ...[
      cpuSeconds.toFixed(1),
      String(Math.round(delayMs)),
      noiseMs.toFixed(0),
      mebibytes(growthBytes),
      mebibytes(keptBytes),
    ],
    ...[
      mebibytes(deeds.sentBytes),
      mebibytes(deeds.receivedBytes),
      String(deeds.connections),
      String(deeds.ended),
    ],
    ...[
      String(honest.during.calls),
      String(failed),
      honest.during.p99Ms.toFixed(1),
      honest.before.p99Ms.toFixed(1),
    ],
    newcomers.longestMs.toFixed(0),
  ];
}

/** One line for the output of a test. */
export function describeOutcome(outcome: Outcome): string {
  const cells = cellsOf(outcome);
  return columns.map((name, at) => `${name} ${cells[at]!}`).join(', ');
}
