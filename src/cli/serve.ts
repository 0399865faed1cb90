import { KvorumError } from '../base/errors.js';
import { parseEndpoints } from '../client/options.js';
import { serverDefaults, startServer, type ServerOptions, type StopReason } from '../server.js';
import type { Command, Invocation, Io } from './command.js';
import { CommandError, exitCodes, type ExitCode } from './exit-codes.js';
import type { FlagSpec, FlagValues } from './flags.js';
import { collectLessOften } from './garbage-collection.js';
import { logLevels, makeServerLog, type LogLevel } from './server-log.js';
import { welcome } from './welcome.js';

const port = { kind: 'number', value: 'PORT', min: 0, max: 65_535 } as const;
const milliseconds = { kind: 'number', value: 'MS', min: 1, max: 2 ** 31 - 1 } as const;

const serveFlags: readonly FlagSpec[] = [
  {
    name: 'id',
    kind: 'text',
    default: serverDefaults.id,
    value: 'NAME',
    summary: "the member's name, unique in the cluster",
  },
  {
    ...port,
    name: 'grpcport',
    default: String(serverDefaults.grpcPort),
    summary: 'client port; 0: any free one',
  },
  {
    ...port,
    name: 'raftport',
    default: String(serverDefaults.raftPort),
    summary: 'member-to-member port; 0: any free one',
  },
  {
    name: 'bootstrap',
    kind: 'boolean',
    default: 'false',
    summary: 'start a new cluster; with a data folder that holds one, just start it',
  },
  {
    name: 'join',
    kind: 'text',
    value: 'HOST:PORT,...',
    summary: 'client address of ANY member of the cluster to join',
    check: parseEndpoints,
  },
  {
    name: 'host',
    kind: 'text',
    default: serverDefaults.host,
    value: 'HOST',
    summary: 'address to listen on, for both ports',
  },
  {
    name: 'advertise-host',
    kind: 'text',
    value: 'HOST',
    summary: 'address that others use to reach this member; default: host',
  },
  { name: 'data-dir', kind: 'text', value: 'FOLDER', summary: 'where everything is kept; default: data/ID' },
  {
    ...milliseconds,
    name: 'heartbeat-interval',
    default: String(serverDefaults.heartbeatIntervalMs),
    summary: 'between two heartbeats of the leader',
  },
  {
    ...milliseconds,
    name: 'election-timeout',
    default: String(serverDefaults.electionTimeoutMs),
    summary: 'without a leader for so long, a member stands for election',
  },
  {
    name: 'lease-reads',
    kind: 'boolean',
    default: 'false',
    summary: 'serve reads at the leader without a round; trusts clocks to run at like speed',
  },
  {
    ...milliseconds,
    name: 'request-timeout',
    default: String(serverDefaults.requestTimeoutMs),
    summary: 'a request waits in the member for so long at most',
  },
  {
    ...milliseconds,
    name: 'join-timeout',
    default: String(serverDefaults.joinTimeoutMs),
    summary: 'a new member tries for so long to be let in',
  },
  {
    name: 'value-size-max',
    kind: 'number',
    default: String(serverDefaults.valueSizeBytesMax),
    value: 'BYTES',
    summary: 'largest value',
    min: 1,
    max: 8 * 1024 * 1024,
  },
  {
    name: 'connections-max',
    kind: 'number',
    default: String(serverDefaults.connectionsMax),
    value: 'N',
    summary: 'client connections at a time',
    min: 1,
    max: 1_000_000,
  },
  {
    name: 'log-entries-kept',
    kind: 'number',
    default: String(serverDefaults.logEntriesKept),
    value: 'N',
    summary: 'entries kept for members that lag; beyond, they get a snapshot',
    min: 1,
  },
  {
    name: 'log-level',
    kind: 'text',
    default: 'info',
    value: 'LEVEL',
    summary: 'least important events that are logged',
    choices: logLevels,
  },
  {
    name: 'log-format',
    kind: 'text',
    default: 'auto',
    value: 'FORMAT',
    summary: 'auto is text on a terminal, else json',
    choices: ['auto', 'text', 'json'],
  },
];

function serverOptions(flags: FlagValues, io: Io): ServerOptions {
  const id = flags.text('id');
  const host = flags.text('host');
  const join = flags.optional('join');
  const given = flags.text('log-format');
  const text = given === 'text' || (given === 'auto' && io.stderr.isTTY);
  return {
    id,
    host,
    advertiseHost: flags.optional('advertise-host') ?? host,
    grpcPort: flags.number('grpcport'),
    raftPort: flags.number('raftport'),
    dataDir: flags.optional('data-dir') ?? `data/${id}`,
    bootstrap: flags.boolean('bootstrap'),
    join: join === undefined ? [] : parseEndpoints(join),
    heartbeatIntervalMs: flags.number('heartbeat-interval'),
    electionTimeoutMs: flags.number('election-timeout'),
    leaseReads: flags.boolean('lease-reads'),
    requestTimeoutMs: flags.number('request-timeout'),
    joinTimeoutMs: flags.number('join-timeout'),
    valueSizeBytesMax: flags.number('value-size-max'),
    connectionsMax: flags.number('connections-max'),
    logEntriesKept: flags.number('log-entries-kept'),
    log: makeServerLog({
      level: flags.text('log-level') as LogLevel,
      format: text ? 'text' : 'json',
      colour: io.stderr.isTTY && io.env['NO_COLOR'] === undefined,
      write: (line) => void io.stderr.write(line),
    }),
  };
}

async function runServe({ flags, io }: Invocation): Promise<ExitCode> {
  const options = serverOptions(flags, io);
  collectLessOften();
  const asked = new AbortController();
  const ignoreSignals = io.onSignal(() => asked.abort());
  try {
    const server = await startServer(options, asked.signal);
    const stop = (): void => void server.stop();
    if (asked.signal.aborted) stop();
    else asked.signal.addEventListener('abort', stop);
    // A service's stdout stays empty: its log has it all, in the form that programs read.
    if (io.stdout.isTTY || flags.text('log-format') === 'text') {
      await io.stdout.write(welcome(server, io)).catch(() => {});
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
    ignoreSignals();
  }
}

function codeOf(name: string, reason: StopReason): ExitCode {
  switch (reason.kind) {
    case 'requested':
      return exitCodes.ok;
    case 'removed':
      throw new CommandError(exitCodes.removed, reason.message);
    case 'failed':
      throw new CommandError(exitCodes.failed, `member ${name} had to stop: ${reason.error.message}`);
  }
}

export const serveCommand: Command = {
  name: 'serve',
  usage: '',
  summary: 'run one member',
  flags: serveFlags,
  argumentsMin: 0,
  argumentsMax: 0,
  examples: [
    'serve -id=node1 -grpcport=50051 -raftport=60051 -bootstrap',
    'serve -id=node2 -grpcport=50052 -raftport=60052 -join=localhost:50051',
    'serve -id=node2 -grpcport=50052 -raftport=60052',
  ],
  run: runServe,
};
