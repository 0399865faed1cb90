import { clientCommand, serializableFlag } from './client-command.js';
import type { Command } from './command.js';

export const importCommand: Command = clientCommand({
  name: 'import',
  usage: '[FILE]',
  summary: 'set the pairs of a file, or of stdin: JSON lines or tab-separated',
  flags: [
    {
      name: 'format',
      kind: 'text',
      value: 'jsonl|tsv',
      choices: ['jsonl', 'tsv'],
      summary: 'how the lines are written; told from the first line if not given',
    },
    {
      name: 'resume',
      kind: 'boolean',
      default: 'false',
      summary: 'go on behind the lines that FILE.progress says are acknowledged',
    },
    {
      name: 'retry-for',
      kind: 'number',
      default: '30000',
      value: 'MS',
      summary: 'milliseconds to go on trying when the cluster cannot serve',
      max: 2 ** 31 - 1,
    },
  ],
  argumentsMin: 0,
  argumentsMax: 1,
  examples: ['import pairs.jsonl', 'import pairs.jsonl --resume', 'import --format=tsv < pairs.tsv'],
  load: async () => (await import('./import.js')).runImport,
});

export const exportCommand: Command = clientCommand({
  name: 'export',
  usage: '',
  summary: 'print all pairs, as they were at one moment: JSON lines or tab-separated',
  flags: [
    {
      name: 'format',
      kind: 'text',
      default: 'jsonl',
      value: 'jsonl|tsv',
      choices: ['jsonl', 'tsv'],
      summary: 'how the lines are written',
    },
    { name: 'prefix', kind: 'text', value: 'TEXT', summary: 'only keys that begin with this' },
    serializableFlag,
  ],
  argumentsMin: 0,
  argumentsMax: 0,
  examples: ['export > pairs.jsonl', 'export --prefix=app/ --format=tsv'],
  load: async () => (await import('./export.js')).runExport,
});
