import process from 'node:process';
import type { Io } from './command.js';
import { answerOutput } from './output.js';
import { runCli } from './run-cli.js';
import { Signals } from './signals.js';
import { openStderr } from './stderr.js';

/** Runs one command line, and ends the process. @param names how this program is called */
export async function runProcess(
  words: readonly string[],
  names: Pick<Io, 'program' | 'server'>,
): Promise<never> {
  const signals = new Signals(process);
  // Each write tells its own error.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const exitCode = await runCli(words, {
    ...names,
    stdout: answerOutput(process.stdout),
    stderr: openStderr(),
    // Few commands read it, and opening it takes its time.
    get stdin() {
      return process.stdin as AsyncIterable<Uint8Array>;
    },
    env: process.env,
    onSignal: (stop) => signals.onSignal(stop),
    onReload: (reload) => signals.onReload(reload),
  });
  if (signals.terminalIsGone) endByHangUp();
  // All is written. What may still be waited for is stdin, which nobody reads any more.
  process.exit(exitCode);
}

/** Node's own exit would put right a terminal that is not there any more, and abort. */
function endByHangUp(): void {
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}
