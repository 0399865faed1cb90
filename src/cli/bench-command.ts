import { clientCommand, jsonFlag } from './client-command.js';
import type { Command } from './command.js';
import type { FlagSpec } from './flags.js';

const benchFlags: readonly FlagSpec[] = [
  jsonFlag,
  {
    name: 'clients',
    kind: 'number',
    default: '64',
    value: 'N',
    summary: 'requests at a time; each is followed by the next when it is answered',
    min: 1,
    max: 10_000,
  },
  {
    name: 'seconds',
    kind: 'number',
    default: '5',
    value: 'N',
    summary: 'how long is measured',
    min: 1,
    max: 86_400,
  },
  {
    name: 'warm-up',
    kind: 'number',
    default: '1',
    value: 'SECONDS',
    summary: 'load before the measurement, which is not counted',
    max: 3600,
  },
  {
    name: 'keys',
    kind: 'number',
    default: '10000',
    value: 'N',
    summary: 'different keys, chosen at random; set beforehand if there are reads',
    min: 1,
    max: 100_000_000,
  },
  {
    name: 'value-size',
    kind: 'number',
    default: '128',
    value: 'BYTES',
    summary: 'size of each value',
    max: 1_048_576,
  },
  { name: 'reads', kind: 'number', default: '0', value: 'PERCENT', summary: 'share of reads', max: 100 },
  {
    name: 'seed',
    kind: 'number',
    default: '1',
    value: 'N',
    summary: 'of the choice of keys and of reads',
    max: 2 ** 32 - 1,
  },
];

export const benchCommand: Command = clientCommand({
  name: 'bench',
  usage: '',
  summary: 'load a cluster and show requests a second and latencies; writes keys below bench/',
  flags: benchFlags,
  argumentsMin: 0,
  argumentsMax: 0,
  examples: ['bench', 'bench --clients=256 --seconds=10 --reads=90 --json'],
  load: async () => (await import('./bench.js')).runBench,
});
