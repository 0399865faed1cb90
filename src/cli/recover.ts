import { entryName, formatEntryName, parseEntryName, type EntryName } from '../fsm/passed-over.js';
import { describeFindings, inspect, isComplete, passOver } from '../server/recover.js';
import type { Invocation } from './command.js';
import { exitCodes, UsageError, type ExitCode } from './exit-codes.js';

export async function runRecover({ flags, io }: Invocation): Promise<ExitCode> {
  const folder = flags.text('data-dir');
  if (folder === '')
    throw new UsageError('flag -data-dir must name the data folder of a member that does not run');
  const name = flags.optional('skip-entry');
  if (name === undefined) {
    const findings = await inspect(folder);
    await io.stdout.write(`${describeFindings(findings).join('\n')}\n`);
    if (!isComplete(findings)) return exitCodes.failed;
    if (findings.stuckAt === undefined) return exitCodes.ok;
    const shown = formatEntryName(entryName(findings.stuckAt.entry));
    await io.stderr.write(
      `to go on without it, on every member alike: ${io.program} recover -data-dir=${folder} -skip-entry=${shown} -yes\n`,
    );
    return exitCodes.failed;
  }
  // Before consent is asked for: nobody need agree to what cannot be.
  const entry = parseName(name);
  if (!flags.boolean('yes')) {
    throw new UsageError(
      `the member will be without entry ${name}, whatever it was to do: say -yes to go on, and do the same on every member`,
    );
  }
  await io.stdout.write(`${await passOver(folder, entry)}\n`);
  return exitCodes.ok;
}

function parseName(name: string): EntryName {
  try {
    return parseEntryName(name);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`flag -skip-entry ${error.message}`, { cause: error });
  }
}
