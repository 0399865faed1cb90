import type { KvorumClient } from '../client/index.js';
import { clientCommand } from './client-command.js';
import type { Command, Invocation } from './command.js';
import { CommandError, exitCodes } from './exit-codes.js';
import { encodePair, LineError, type PairFormat } from './pair-lines.js';
import { Progress } from './progress.js';

async function runExport(client: KvorumClient, { flags, io }: Invocation): Promise<typeof exitCodes.ok> {
  const prefix = flags.optional('prefix');
  const format = flags.text('format') as PairFormat;
  const progress = new Progress(io.stderr, 'export');
  let count = 0;
  try {
    for await (const { pairs } of client.listPages(prefix === undefined ? {} : { prefix })) {
      await io.stdout.write(pairs.map(({ key, value }) => encodePair(key, value, format)).join(''));
      count += pairs.length;
      // On a terminal the pairs themselves are what is seen.
      if (!io.stdout.isTTY) progress.update(count, undefined);
    }
  } catch (error) {
    if (error instanceof LineError) throw new CommandError(exitCodes.failed, error.message);
    throw error;
  } finally {
    if (!io.stdout.isTTY) progress.clear();
  }
  return exitCodes.ok;
}

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
  run: runExport,
});
