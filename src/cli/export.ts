import { clientCommand } from './client-command.js';
import type { Command } from './command.js';
import { CommandError, exitCodes } from './exit-codes.js';
import { encodePair, LineError, type PairFormat } from './pair-lines.js';
import { Progress } from './progress.js';

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
  ],
  argumentsMin: 0,
  argumentsMax: 0,
  examples: ['export > pairs.jsonl', 'export --prefix=app/ --format=tsv'],
  run: async (client, { flags, io }) => {
    const prefix = flags.optional('prefix');
    const format = flags.text('format') as PairFormat;
    const progress = new Progress(io.stderr, 'export');
    let count = 0;
    for await (const { pairs } of client.listPages(prefix === undefined ? {} : { prefix })) {
      try {
        await io.stdout.write(pairs.map((pair) => encodePair(pair.key, pair.value, format)).join(''));
      } catch (error) {
        if (error instanceof LineError) throw new CommandError(exitCodes.failed, error.message);
        throw error;
      }
      count += pairs.length;
      // On a terminal the pairs themselves are what is seen.
      if (!io.stdout.isTTY) progress.update(count, undefined);
    }
    if (!io.stdout.isTTY) progress.end(count);
    return exitCodes.ok;
  },
});
