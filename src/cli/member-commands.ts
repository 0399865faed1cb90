import type { Command } from './command.js';
import type { FlagSpec } from './flags.js';
import { logLevels } from './log-levels.js';
import { parsePeers } from './peer-list.js';
import { parseKnownServers, parseServerList } from './server-list.js';

const port = { kind: 'number', value: 'PORT', min: 0, max: 65_535 } as const;
const milliseconds = { kind: 'number', value: 'MS', min: 1, max: 2 ** 31 - 1 } as const;

/** The defaults are the server's, without its code. */
const serveFlags: readonly FlagSpec[] = [
  {
    name: 'id',
    kind: 'text',
    default: 'node1',
    value: 'NAME',
    summary: "the member's name, unique in the cluster",
  },
  {
    ...port,
    name: 'grpcport',
    default: '50051',
    summary: 'client port; 0: any free one',
  },
  {
    ...port,
    name: 'raftport',
    default: '60051',
    summary: 'member-to-member port; 0: any free one',
  },
  {
    name: 'bootstrap',
    kind: 'boolean',
    default: 'false',
    summary: 'start a new cluster; with a data folder that holds one, just start it',
  },
  {
    name: 'bootstrap-unless',
    kind: 'text',
    environment: 'KVORUM_ENDPOINTS',
    value: 'HOST:PORT,...',
    summary:
      'with -bootstrap: ask these client addresses first, and found nothing where one is of a cluster; not given: those in KVORUM_ENDPOINTS',
    check: parseKnownServers,
  },
  {
    name: 'join',
    kind: 'text',
    value: 'HOST:PORT,...',
    summary: 'client address of ANY member of the cluster to join',
    check: parseServerList,
  },
  {
    name: 'peers',
    kind: 'text',
    value: 'NAME=HOST:PORT,...',
    summary: 'where to call these members (their Raft ports), whatever the cluster knows; for this start',
    check: parsePeers,
  },
  {
    name: 'host',
    kind: 'text',
    default: '127.0.0.1',
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
    default: '100',
    summary: 'between two heartbeats of the leader',
  },
  {
    ...milliseconds,
    name: 'election-timeout',
    default: '1000',
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
    default: '7000',
    summary: 'a request waits in the member for so long at most',
  },
  {
    ...milliseconds,
    name: 'join-timeout',
    default: '60000',
    summary: 'a new member tries for so long to be let in',
  },
  {
    name: 'value-size-max',
    kind: 'number',
    default: '1572864',
    value: 'BYTES',
    summary: 'largest value',
    min: 1,
    max: 8 * 1024 * 1024,
  },
  {
    name: 'connections-max',
    kind: 'number',
    default: '10000',
    value: 'N',
    summary: 'client connections at a time',
    min: 1,
    max: 1_000_000,
  },
  {
    name: 'log-entries-kept',
    kind: 'number',
    default: '10000',
    value: 'N',
    summary: 'entries kept for members that lag; beyond, they get a snapshot',
    min: 1,
  },
  {
    name: 'auto-compaction-mode',
    kind: 'text',
    default: 'periodic',
    value: 'MODE',
    choices: ['periodic', 'revision'],
    summary: 'what decides which old revisions are forgotten: their age, or their number',
  },
  {
    name: 'auto-compaction-retention',
    kind: 'text',
    default: '1h',
    value: 'TIME|N',
    summary: 'how long (90s, 30m, 72h; 72 is 72h) or how many old revisions are kept; 0: all',
  },
  {
    name: 'feature-level-max',
    kind: 'number',
    value: 'LEVEL',
    summary: 'hold the cluster at this feature level, so that an older version can be installed again',
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
  run: async (invocation) => {
    const { openFilesMax, requireOpenFiles } = await import('../server/open-files-max.js');
    // Before its code is loaded, which opens more than some may have.
    requireOpenFiles(invocation.flags.number('connections-max'), openFilesMax());
    const { loadMemberCode } = await import('./load-member-code.js');
    const { runServe } = await loadMemberCode(() => import('./serve.js'));
    return await runServe(invocation);
  },
};

export const recoverCommand: Command = {
  name: 'recover',
  usage: '',
  summary:
    'show what a data folder holds while no member runs in it; pass over an entry that cannot be applied, or go on alone when the majority is lost',
  flags: [
    { name: 'data-dir', kind: 'text', value: 'FOLDER', summary: 'of the member' },
    {
      name: 'skip-entry',
      kind: 'text',
      value: 'INDEX:TERM:CHECKSUM',
      summary: 'take this entry for an empty one, from the next start on',
    },
    {
      name: 'force-new-cluster',
      kind: 'boolean',
      summary: 'make its member the sole one of a new cluster; without -yes: only say what may be lost',
    },
    { name: 'yes', kind: 'boolean', summary: 'what is said to be lost is lost: go on' },
  ],
  argumentsMin: 0,
  argumentsMax: 0,
  examples: [
    'recover -data-dir=data/node1',
    'recover -data-dir=data/node1 -skip-entry=4711:3:0badcafe -yes',
    'recover -data-dir=data/node1 -force-new-cluster',
  ],
  run: async (invocation) => {
    const { loadMemberCode } = await import('./load-member-code.js');
    const { runRecover } = await loadMemberCode(() => import('./recover.js'));
    return await runRecover(invocation);
  },
};
