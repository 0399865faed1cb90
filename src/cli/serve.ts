import { KvorumError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import { serverDefaults, startServer, type ServerOptions, type StopReason } from '../server/server.js';
import type { Invocation, Io } from './command.js';
import { CommandError, exitCodes, UsageError, type ExitCode } from './exit-codes.js';
import type { FlagValues } from './flags.js';
import { collectLessOften, collectWhatIsLeft } from './garbage-collection.js';
import { LogDestination } from './log-destination.js';
import type { LogLevel } from './log-levels.js';
import { lostLines, makeServerLog } from './server-log.js';
import { parsePeers } from './peer-list.js';
import { parseKnownServers, parseServerList } from './server-list.js';
import { parseRetention } from './retention.js';
import { welcome } from './welcome.js';

function serverOptions(flags: FlagValues, io: Io, log: LogDestination): ServerOptions {
  const id = flags.text('id');
  const host = flags.text('host');
  const join = flags.optional('join');
  const peers = flags.optional('peers');
  return {
    id,
    host,
    advertiseHost: flags.optional('advertise-host') ?? host,
    grpcPort: flags.number('grpcport'),
    raftPort: flags.number('raftport'),
    dataDir: flags.optional('data-dir') ?? `data/${id}`,
    bootstrap: flags.boolean('bootstrap'),
    bootstrapUnless: parseKnownServers(flags.text('bootstrap-unless')),
    join: join === undefined ? [] : parseServerList(join),
    peers: peers === undefined ? new Map() : parsePeers(peers),
    heartbeatIntervalMs: flags.number('heartbeat-interval'),
    electionTimeoutMs: flags.number('election-timeout'),
    leaseReads: flags.boolean('lease-reads'),
    requestTimeoutMs: flags.number('request-timeout'),
    joinTimeoutMs: flags.number('join-timeout'),
    valueSizeBytesMax: flags.number('value-size-max'),
    connectionsMax: flags.number('connections-max'),
    logEntriesKept: flags.number('log-entries-kept'),
    ...retention(flags),
    featureLevelMax: flags.optionalNumber('feature-level-max') ?? serverDefaults.featureLevelMax,
    log: makeServerLog({
      level: flags.text('log-level') as LogLevel,
      format: logFormat(flags, io),
      colour: io.stderr.isTTY && io.env['NO_COLOR'] === undefined,
      write: (line) => log.write(line),
    }),
  };
}

function retention(flags: FlagValues): ReturnType<typeof parseRetention> {
  const mode = flags.text('auto-compaction-mode');
  if (mode === 'revision' && !flags.isGiven('auto-compaction-retention')) {
    throw new UsageError('-auto-compaction-mode=revision needs -auto-compaction-retention=N');
  }
  return parseRetention(mode, flags.text('auto-compaction-retention'));
}

/** How long the end of the process may be held up for what is left of its log. */
const logFlushMs = 500;

function logDestination(flags: FlagValues, io: Io): LogDestination {
  return new LogDestination(io.stderr, (lines) => lostLines(lines, logFormat(flags, io)));
}

function logFormat(flags: FlagValues, io: Io): 'text' | 'json' {
  const given = flags.text('log-format');
  return given === 'text' || (given === 'auto' && io.stderr.isTTY) ? 'text' : 'json';
}

export async function runServe({ flags, io }: Invocation): Promise<ExitCode> {
  const log = logDestination(flags, io);
  const options = serverOptions(flags, io, log);
  collectLessOften();
  const asked = new AbortController();
  const ignoreSignals = io.onSignal(() => asked.abort());
  const ignoreReloads = io.onReload(() => void reload(io, options.log));
  try {
    const server = await startServer(options, asked.signal);
    void server.stopped.finally(collectWhatIsLeft(server.heldBytes));
    const stop = (): void => void server.stop();
    if (asked.signal.aborted) stop();
    else asked.signal.addEventListener('abort', stop);
    // A service's stdout stays empty: its log has it all, in the form that programs read.
    if (io.stdout.isTTY || flags.text('log-format') === 'text') {
      // Whether it is read is not the server's affair.
      io.stdout.write(welcome(server, io)).catch(() => {});
    }
    return codeOf(server.name, await server.stopped);
  } catch (error) {
    if (asked.signal.aborted && error instanceof KvorumError && error.code === 'MEMBER_STOPPING') {
      return exitCodes.ok;
    }
    if (error instanceof KvorumError && error.code === 'MEMBER_REMOVED') {
      throw new CommandError(exitCodes.removed, error.message);
    }
    throw error;
  } finally {
    // What says why the process ends comes behind it.
    await log.flush(logFlushMs);
    ignoreSignals();
    ignoreReloads();
  }
}

/** What an operator may change while the member runs: nothing but the file that its log goes to. */
async function reload({ stderr }: Io, log: Log): Promise<void> {
  const done = (await stderr.reopen?.()) ?? 'nothing to reload: the log goes to no file';
  log.info({}, `SIGHUP: ${done}`);
}

function codeOf(name: string, reason: StopReason): ExitCode {
  switch (reason.kind) {
    case 'requested':
      return exitCodes.ok;
    case 'removed':
      throw new CommandError(exitCodes.removed, reason.message);
    case 'failed':
      throw new CommandError(
        codeOfFailure(reason.error),
        `member ${name} had to stop: ${reason.error.message}`,
      );
  }
}

/** What a start by itself would not mend has a status of its own. */
function codeOfFailure(error: unknown): ExitCode {
  if (!(error instanceof KvorumError)) return exitCodes.failed;
  if (error.code === 'VERSION_MISMATCH') return exitCodes.version;
  return error.code === 'MEMBER_SUPERSEDED' ? exitCodes.superseded : exitCodes.failed;
}
