#!/usr/bin/env node
import { basename, relative } from 'node:path';
import process from 'node:process';
import type { Writable } from 'node:stream';
import type { Output } from './command.js';
import { runCli } from './run-cli.js';

/** Whoever reads stdout may leave early (`| head`): there is nobody to write to then. */
function leaveQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
}

function output(stream: Writable & { readonly isTTY?: boolean }): Output {
  stream.on('error', leaveQuietly);
  return {
    isTTY: stream.isTTY === true,
    write: (text) =>
      new Promise((resolve) => {
        if (stream.write(text)) resolve();
        else stream.once('drain', resolve);
      }),
  };
}

function programName(): string {
  const script = process.argv[1] ?? 'kvorum';
  return (
    process.env['KVORUM_CLIENT'] ??
    (basename(script) === 'kvorum' ? 'kvorum' : `node ${relative(process.cwd(), script)}`)
  );
}

/** The first signal asks, the second one insists. */
function onSignal(stop: (signal: 'SIGINT' | 'SIGTERM') => void): () => void {
  let asked = false;
  const handlers = (['SIGINT', 'SIGTERM'] as const).map((signal) => {
    const handler = (): void => {
      if (asked) process.exit(signal === 'SIGINT' ? 130 : 143);
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

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: output(process.stdout),
  stderr: output(process.stderr),
  stdin: process.stdin as AsyncIterable<Uint8Array>,
  env: process.env,
  program: programName(),
  onSignal,
});
