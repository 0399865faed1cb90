import { writeSync } from 'node:fs';
import process from 'node:process';

/** `recover` has some 60 open while it loads what it needs, the others half of that. */
const commandFilesMin = 128;
/** As src/server/open-files-max.ts counts. */
const memberFilesMin = 256;

/** @returns what to say of an error that came for want of file descriptors; undefined: it is another */
export function wantOfFiles(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === 'ENFILE') return 'this machine has too many open files (ENFILE)';
  if (code !== 'EMFILE') return undefined;
  return `too few files may be open (EMFILE): ${commandFilesMin} are enough for a command, and a member needs ${memberFilesMin}: raise the limit (ulimit -n, or LimitNOFILE in a systemd unit)`;
}

/** For code that has yet to be loaded: where that fails, nothing else is there to say why. */
export async function runLoading(run: () => Promise<never>): Promise<never> {
  try {
    return await run();
  } catch (error) {
    const why = wantOfFiles(error);
    if (why === undefined) throw error;
    writeSync(process.stderr.fd, `${why}\n`);
    // exitCodes.failed, without loading more.
    process.exit(1);
  }
}
