import { KvorumError, type ErrorCode } from '../base/errors.js';

/** What the process ends with; docs/cli.md lists them. */
export const exitCodes = {
  ok: 0,
  /** The request was refused or failed; for `get`: there is no such key. */
  failed: 1,
  /** The command line, or a key, value or file it names, breaks a rule. */
  usage: 2,
  /** No server could be reached, or it has no quorum. Nothing was changed. */
  unavailable: 3,
  /** The write may or may not have taken effect. */
  unknown: 4,
  /** `serve`: this member was removed from the cluster. */
  removed: 5,
  /** `serve`: this version of Kvorum does not know the feature level that the cluster is at. */
  version: 6,
  /** `serve`: another process with this member's identity was started later. */
  superseded: 7,
  /** SIGHUP, Ctrl-C and SIGTERM, where the work was not at its end. As shells have it: 128 and the signal's number. */
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const signalCodes = {
  SIGHUP: exitCodes.hungUp,
  SIGINT: exitCodes.interrupted,
  SIGTERM: exitCodes.terminated,
} as const;
/** Asks the process to end. SIGHUP: its terminal was closed, or there is nothing that it could reload. */
export type StopSignal = keyof typeof signalCodes;

/** The command line breaks a rule. The message names the flag or argument. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A command or flag that is not there. */
export class UnknownNameError extends UsageError {
  readonly written: string;
  readonly known: readonly string[];

  /**
   * @param written as it is to be compared with the known ones
   * @param known what might have been meant
   */
  constructor(message: string, written: string, known: readonly string[]) {
    super(message);
    this.written = written;
    this.known = known;
  }
}

/** A command ends with one line on stderr and this code. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

const usageCodes: readonly ErrorCode[] = [
  'INVALID_KEY',
  'INVALID_VALUE',
  'INVALID_REQUEST',
  'REQUEST_TOO_LARGE',
];
const unavailableCodes: readonly ErrorCode[] = [
  'NO_LEADER',
  'MEMBER_STOPPING',
  'MEMBER_REMOVED',
  'SERVER_UNREACHABLE',
  'DEADLINE_EXCEEDED',
];

/** @param error whatever a command threw */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return exitCodes.usage;
  if (error instanceof CommandError) return error.exitCode;
  if (!(error instanceof KvorumError)) return exitCodes.failed;
  if (usageCodes.includes(error.code)) return exitCodes.usage;
  if (unavailableCodes.includes(error.code)) return exitCodes.unavailable;
  if (error.code === 'VERSION_MISMATCH') return exitCodes.version;
  if (error.code === 'MEMBER_SUPERSEDED') return exitCodes.superseded;
  return error.code === 'OUTCOME_UNKNOWN' ? exitCodes.unknown : exitCodes.failed;
}
