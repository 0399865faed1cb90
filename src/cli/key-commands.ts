import type { Command, Io } from './command.js';
import { clientCommand } from './client-command.js';
import { CommandError, exitCodes } from './exit-codes.js';

/** The most that any server can be set to take as a value. */
const stdinSizeBytesMax = 8 * 1024 * 1024;

async function readAll(io: Io): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of io.stdin) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes > stdinSizeBytesMax) {
      throw new CommandError(
        exitCodes.usage,
        `the value on stdin is longer than ${stdinSizeBytesMax} bytes, which no server takes`,
      );
    }
  }
  return Buffer.concat(chunks);
}

export const keyCommands: readonly Command[] = [
  clientCommand({
    name: 'get',
    usage: 'KEY',
    summary: 'print the value of a key, and nothing else',
    flags: [
      {
        name: 'serializable',
        kind: 'boolean',
        default: 'false',
        summary: "take the member's own state: maybe old, works without a quorum",
      },
      {
        name: 'raw',
        kind: 'boolean',
        default: 'false',
        summary: 'print no line break behind the value',
      },
    ],
    argumentsMin: 1,
    argumentsMax: 1,
    examples: ['get mykey', '-server=localhost:50053 get mykey', 'get -raw photo > photo.jpg'],
    run: async (client, { args: [key], flags, io }) => {
      const serializable = flags.boolean('serializable');
      const value = await client.getBytes(key!, { serializable });
      if (value === undefined) throw new CommandError(exitCodes.failed, `key ${key!} not found`);
      const end = flags.boolean('raw') ? '' : '\n';
      await io.stdout.write(Buffer.concat([value, Buffer.from(end)]));
      return exitCodes.ok;
    },
  }),
  clientCommand({
    name: 'set',
    usage: 'KEY VALUE',
    summary: 'set a key; the value - is read from stdin',
    flags: [],
    argumentsMin: 2,
    argumentsMax: 2,
    examples: ['set mykey myvalue', 'set certificate - < server.pem', 'set -- temperature -5'],
    run: async (client, { args: [key, value], io }) => {
      await client.set(key!, value === '-' ? await readAll(io) : value!);
      await io.stdout.write('OK\n');
      return exitCodes.ok;
    },
  }),
  clientCommand({
    name: 'delete',
    usage: 'KEY',
    summary: 'delete a key; a missing one is no error',
    flags: [],
    argumentsMin: 1,
    argumentsMax: 1,
    examples: ['delete mykey'],
    run: async (client, { args: [key], io }) => {
      await client.delete(key!);
      await io.stdout.write('OK\n');
      return exitCodes.ok;
    },
  }),
];
