import { execFile } from 'node:child_process';
import { mainScript } from './member-process.js';

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** The command line, as an operator calls it. */
export function kvorum(...words: readonly string[]): Promise<Said> {
  return new Promise((resolve) => {
    execFile(process.execPath, [mainScript, ...words], (failure, out, error) => {
      resolve({ code: failure === null ? 0 : Number(failure.code), out, error });
    });
  });
}
