import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import process from 'node:process';
import { isatty } from 'node:tty';
import type { Output } from './command.js';
import { FileOutput, pathOf } from './file-output.js';
import { messageOutput } from './output.js';

const stderrFd = 2;
/** How soon a terminal that took nothing is asked again. */
const retryMs = 20;

/**
 * The process's stderr, written to without ever stopping the event loop. Node writes to pipes and sockets so by itself;
 * but to a terminal it waits, as long as Ctrl-S holds it, and to a file as long as the disk takes.
 */
export function openStderr(): Output {
  if (isFile()) {
    const file = new FileOutput(stderrFd, pathOf(stderrFd));
    file.atExit = (rest) => void process.once('exit', () => file.writeNow(rest()));
    return file;
  }
  return { ...output(), atExit: (rest) => void process.once('exit', () => writeRest(rest())) };
}

function output(): Output {
  if (isatty(stderrFd)) return terminalOutput() ?? messageOutput(process.stderr);
  return messageOutput(process.stderr);
}

/** It does not wait for a pipe: Node has set its own to be written to so. */
function writeRest(rest: string): void {
  if (rest === '' || isatty(stderrFd)) return;
  try {
    writeSync(stderrFd, rest);
  } catch {
    // Nobody takes it.
  }
}

/**
 * Asked with `bigint`, whose answer Node keeps elsewhere: behind one that tells of a pipe or a socket, Node 20 takes links
 * for the folders that they point to, and finds no dependency of a package that pnpm, or `npm link`, has put there.
 */
function isFile(): boolean {
  try {
    return fstatSync(stderrFd, { bigint: true }).isFile();
  } catch {
    return false;
  }
}

/** The terminal opened once more: whether its writes wait is a property of the opened file, which others share. */
function terminalOutput(): Output | undefined {
  try {
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return unblockedOutput(openSync('/proc/self/fd/2', O_WRONLY | O_NONBLOCK | O_NOCTTY), true);
  } catch {
    return undefined;
  }
}

/** @param fd opened with O_NONBLOCK */
export function unblockedOutput(fd: number, isTTY: boolean): Output {
  return {
    isTTY,
    write: (text) =>
      new Promise((resolve) => {
        const bytes = Buffer.from(text);
        let at = 0;
        const go = (): void => {
          try {
            while (at < bytes.length) at += writeSync(fd, bytes, at);
            resolve();
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code === 'EAGAIN') setTimeout(go, retryMs).unref();
            else resolve();
          }
        };
        go();
      }),
  };
}
