import { UsageError } from '../../src/cli/exit-codes.js';
import { FlagValues, parseFlags, type FlagSpec } from '../../src/cli/flags.js';

/**
 * Runs a program of this folder, that takes flags alone, `--help` among them: exit code 2 and `help` for what it was
 * told wrong, 1 for what went wrong.
 */
export async function runProgram(
  flags: readonly FlagSpec[],
  help: () => string,
  main: (values: FlagValues, given: ReadonlyMap<string, string>) => Promise<void>,
): Promise<void> {
  // Whatever ends this process ends the servers that it started (on 'exit').
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));
  try {
    const { given, args } = parseFlags(process.argv.slice(2), flags);
    const values = new FlagValues(flags, given);
    if (values.boolean('help')) {
      process.stdout.write(help());
      return;
    }
    if (args.length > 0) throw new UsageError(`no arguments are taken, ${args.join(' ')} is given`);
    await main(values, given);
  } catch (error) {
    process.stderr.write(
      `${error instanceof UsageError ? `${error.message}\n${help()}` : (error as Error).stack}\n`,
    );
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
