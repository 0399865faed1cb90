#!/usr/bin/env node
import { basename, relative } from 'node:path';
import process from 'node:process';
import { exitCodes } from './exit-codes.js';
import { answerOutput, messageOutput } from './output.js';
import { runCli } from './run-cli.js';

/** The scripts bin/client and bin/server say how they were called. */
function names(): { readonly program: string; readonly server: string } {
  const script = process.argv[1] ?? 'kvorum';
  const { KVORUM_CLIENT: client, KVORUM_SERVER: server } = process.env;
  const direct = basename(script) === 'kvorum' ? 'kvorum' : `node ${relative(process.cwd(), script)}`;
  const program = client ?? direct;
  return { program, server: server ?? `${program} serve` };
}

/** The first signal asks, the second one insists. */
function onSignal(stop: (signal: 'SIGINT' | 'SIGTERM') => void): () => void {
  let asked = false;
  const handlers = (['SIGINT', 'SIGTERM'] as const).map((signal) => {
    const handler = (): void => {
      if (asked) process.exit(signal === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated);
      asked = true;
      stop(signal);
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => {
    for (const end of handlers) end();
  };
}

// Each write tells its own error.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const exitCode = await runCli(process.argv.slice(2), {
  ...names(),
  stdout: answerOutput(process.stdout),
  stderr: messageOutput(process.stderr),
  stdin: process.stdin as AsyncIterable<Uint8Array>,
  env: process.env,
  onSignal,
});
// All is written. What may still be waited for is stdin, which nobody reads any more.
process.exit(exitCode);
