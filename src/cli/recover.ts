import { entryName, formatEntryName, parseEntryName, type EntryName } from '../fsm/passed-over.js';
import { describeNewCluster, forceNewCluster } from '../server/force-new-cluster.js';
import { describeFindings, inspect, isComplete, passOver } from '../server/recover.js';
import type { Invocation, Io } from './command.js';
import { exitCodes, UsageError, type ExitCode } from './exit-codes.js';

export async function runRecover({ flags, io }: Invocation): Promise<ExitCode> {
  const folder = flags.text('data-dir');
  if (folder === '')
    throw new UsageError('flag -data-dir must name the data folder of a member that does not run');
  const name = flags.optional('skip-entry');
  if (flags.boolean('force-new-cluster')) {
    if (name !== undefined)
      throw new UsageError('flags -force-new-cluster and -skip-entry exclude each other');
    return await goOnAlone(folder, flags.boolean('yes'), io);
  }
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

async function goOnAlone(folder: string, agreed: boolean, io: Io): Promise<ExitCode> {
  const lines = await (agreed ? forceNewCluster(folder) : describeNewCluster(folder));
  await io.stdout.write(`${lines.join('\n')}\n`);
  if (!agreed) {
    const how = `${io.program} recover -data-dir=${folder} -force-new-cluster -yes`;
    await io.stderr.write(`nothing was changed; to make the new cluster: ${how}\n`);
  }
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
