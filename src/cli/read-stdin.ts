import type { Io } from './command.js';
import { CommandError, exitCodes } from './exit-codes.js';

/** The most that any server can be set to take as a value. */
const stdinSizeBytesMax = 8 * 1024 * 1024;

/** All of stdin, to the last byte. @param what a message calls it */
export async function readAll(io: Io, what: 'key' | 'value'): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of io.stdin) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes > stdinSizeBytesMax) {
      throw new CommandError(
        exitCodes.usage,
        `the ${what} on stdin is longer than ${stdinSizeBytesMax} bytes, which no server takes`,
      );
    }
  }
  return Buffer.concat(chunks);
}
