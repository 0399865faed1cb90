import type { Writable } from 'node:stream';
import type { Output } from './command.js';
import { CommandError, exitCodes } from './exit-codes.js';

/** Whoever read the output has left (`| head`). */
export class OutputClosedError extends Error {
  override readonly name = 'OutputClosedError';
}

/** Nobody waits longer than this for a message to be read. */
export const messageTimeoutMs = 1000;

type Stream = Writable & { readonly isTTY?: boolean };

/** Where the answer goes: what cannot be written ends the command. */
export function answerOutput(stream: Stream): Output {
  return { isTTY: stream.isTTY === true, write: (text) => write(stream, text) };
}

/** Where messages and the log go: they are worth no command's end. */
export function messageOutput(stream: Stream): Output {
  return { isTTY: stream.isTTY === true, write: (text) => write(stream, text).catch(() => {}) };
}

function write(stream: Stream, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error: NodeJS.ErrnoException | null | undefined) => {
      if (error === null || error === undefined) resolve();
      else reject(writeError(error));
    });
  });
}

function writeError(error: NodeJS.ErrnoException): Error {
  const { code = error.message } = error;
  if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED') {
    return new OutputClosedError('stdout is closed', { cause: error });
  }
  return new CommandError(exitCodes.failed, `stdout cannot be written (${code})`);
}
