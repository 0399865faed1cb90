import type { KvorumClient } from '../client/index.js';
import type { Invocation } from './command.js';
import { CommandError, exitCodes } from './exit-codes.js';
import { encodePair, LineError, type PairFormat } from './pair-lines.js';
import { Progress } from './progress.js';

export async function runExport(
  client: KvorumClient,
  { flags, io }: Invocation,
): Promise<typeof exitCodes.ok> {
  const prefix = flags.optional('prefix');
  const format = flags.text('format') as PairFormat;
  const serializable = flags.boolean('serializable');
  const which = prefix === undefined ? { serializable } : { prefix, serializable };
  const progress = new Progress(io.stderr, 'export');
  let count = 0;
  try {
    for await (const { pairs } of client.listPages(which)) {
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
