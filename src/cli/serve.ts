import { KvorumError } from '../base/errors.js';
import { serverDefaults, startServer, type RunningServer, type ServerOptions } from '../server.js';
import { version } from '../version.js';
import type { Command, Invocation, Io } from './command.js';
import { exitCodes, type ExitCode } from './exit-codes.js';
import type { FlagSpec, FlagValues } from './flags.js';
import { logLevels, makeServerLog, type LogLevel } from './server-log.js';

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
    join: flags
      .text('join')
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== ''),
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

/** What a newcomer does next. */
function welcome(server: RunningServer, io: Io): string {
  const client = io.env['KVORUM_CLIENT'] ?? io.program;
  const serve = io.env['KVORUM_SERVER'] ?? `${io.program} serve`;
  const at = server.grpcAddress === '127.0.0.1:50051' ? '' : ` -server=${server.grpcAddress}`;
  return `
Kvorum ${version}: member ${server.name} serves clients on ${server.grpcAddress}. Its data is in ${server.dataDir}

  set a key       ${client}${at} set mykey myvalue
  get it          ${client}${at} get mykey
  add a member    ${serve} -id=node2 -grpcport=50052 -raftport=60052 -join=${server.grpcAddress}
  see them all    ${client}${at} status
  stop            Ctrl-C

`;
}

async function runServe({ flags, io }: Invocation): Promise<ExitCode> {
  const options = serverOptions(flags, io);
  const asked = new AbortController();
  const ignore = io.onSignal(() => asked.abort());
  try {
    const server = await startServer(options);
    if (asked.signal.aborted) void server.stop();
    else asked.signal.addEventListener('abort', () => void server.stop());
    if (io.stdout.isTTY || flags.text('log-format') === 'text') await io.stdout.write(welcome(server, io));
    const reason = await server.stopped;
    if (reason.kind === 'failed') throw reason.error;
    if (reason.kind === 'removed') throw new KvorumError('MEMBER_REMOVED', reason.message);
    return exitCodes.ok;
  } finally {
    ignore();
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
