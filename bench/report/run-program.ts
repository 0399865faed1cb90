import { UsageError } from '../../src/cli/exit-codes.js';

/** Runs a program of this folder: exit code 2 and `help` for what it was told wrong, 1 for what went wrong. */
export async function runProgram(
  main: (words: readonly string[]) => Promise<void>,
  help: () => string,
): Promise<void> {
  // Whatever ends this process ends the servers that it started (on 'exit').
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(
      `${error instanceof UsageError ? `${error.message}\n${help()}` : (error as Error).stack}\n`,
    );
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
