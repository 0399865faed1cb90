import { keyAfter } from '../base/bytes.js';
import { KvorumError } from '../base/errors.js';
import type { KeyValue, KvorumClient } from '../client/index.js';
import type { ClientAction, Invocation } from './command.js';
import { exitCodes, UsageError, type ExitCode } from './exit-codes.js';
import { keyOf, notFound, type Key } from './key-argument.js';
import { pairObject } from './pair-lines.js';
import { printable } from './printable.js';

export const runGet: ClientAction = (client, invocation) => {
  const { args, flags } = invocation;
  const prefix = flags.optional('prefix');
  const start = flags.optional('from');
  if (prefix === undefined && start === undefined) {
    if (flags.isGiven('limit')) throw new UsageError('flag -limit is for many keys: with -prefix or -from');
    return flags.boolean('count') ? countOne(client, invocation) : printOne(client, invocation);
  }
  if (prefix !== undefined && start !== undefined) {
    throw new UsageError('get takes -prefix=TEXT or -from=TEXT, not both');
  }
  const flag = prefix === undefined ? '-from' : '-prefix';
  if (args.length > 0 || flags.boolean('key-stdin')) {
    throw new UsageError(`get takes KEY or ${flag}=TEXT, not both`);
  }
  if (flags.boolean('raw')) throw new UsageError(`flag -raw is for one value, ${flag} for many keys`);
  return printPairs(client, { prefix, start, keysOnly: flags.boolean('keys-only') }, invocation);
};

async function printOne(client: KvorumClient, invocation: Invocation): Promise<ExitCode> {
  const { flags, io } = invocation;
  const { key } = await keyOf('get', 'KEY', invocation);
  const keysOnly = flags.boolean('keys-only');
  const pair = await pairOf(client, key, invocation);
  if (pair === undefined) throw notFound(key);
  if (flags.boolean('json') || keysOnly) {
    await io.stdout.write(pairText(pair, keysOnly, flags.boolean('json')));
    return exitCodes.ok;
  }
  const end = flags.boolean('raw') ? '' : '\n';
  await io.stdout.write(Buffer.concat([pair.value, Buffer.from(end)]));
  return exitCodes.ok;
}

async function countOne(client: KvorumClient, invocation: Invocation): Promise<ExitCode> {
  const { key } = await keyOf('get', 'KEY', invocation);
  const pair = await pairOf(client, key, invocation);
  await invocation.io.stdout.write(pair === undefined ? '0\n' : '1\n');
  return exitCodes.ok;
}

/** As it is now, or was at the revision that is asked for. */
async function pairOf(client: KvorumClient, key: Key, { flags }: Invocation): Promise<KeyValue | undefined> {
  const serializable = flags.boolean('serializable');
  const revision = flags.optionalNumber('rev');
  if (revision === undefined) return client.getPair(key, { serializable });
  // As the first bound of a range it would be no bound at all.
  if (key.length === 0) throw new KvorumError('INVALID_KEY', 'key is empty');
  const start = Buffer.from(key);
  const pairs = client.listBytes({ start, end: keyAfter(start), revision, serializable });
  for await (const pair of pairs) return pair;
  return undefined;
}

export const runList: ClientAction = (client, invocation) => {
  const [prefix] = invocation.args;
  return printPairs(client, { prefix, keysOnly: invocation.flags.boolean('keys-only') }, invocation);
};

export const runKeys: ClientAction = (client, invocation) =>
  printPairs(client, { prefix: invocation.args[0], keysOnly: true }, invocation);

interface Which {
  readonly prefix: string | undefined;
  /** The first key, if no prefix is given. */
  readonly start?: string | undefined;
  readonly keysOnly: boolean;
}

async function printPairs(
  client: KvorumClient,
  { prefix = '', start = '', keysOnly }: Which,
  { flags, io }: Invocation,
): Promise<ExitCode> {
  const counts = flags.boolean('count');
  const pages = client.listPages({
    ...(prefix === '' ? { start } : { prefix }),
    keysOnly: keysOnly || counts,
    serializable: flags.boolean('serializable'),
    revision: flags.number('rev'),
    pageSize: flags.number('limit'),
  });
  const limit = flags.optionalNumber('limit') ?? Infinity;
  let count = 0;
  for await (const { pairs } of pages) {
    const wanted = pairs.slice(0, limit - count);
    count += wanted.length;
    if (!counts) {
      await io.stdout.write(wanted.map((pair) => pairText(pair, keysOnly, flags.boolean('json'))).join(''));
    }
    if (count >= limit) break;
  }
  if (counts) await io.stdout.write(`${count}\n`);
  return exitCodes.ok;
}

function pairText(pair: KeyValue, keysOnly: boolean, asJson: boolean): string {
  const { key, value, createRevision, modRevision, version } = pair;
  if (asJson) {
    const object = { ...pairObject(key, keysOnly ? undefined : value), createRevision, modRevision, version };
    return `${JSON.stringify(object)}\n`;
  }
  return keysOnly ? `${printable(key)}\n` : `${printable(key)}\t${printable(value)}\n`;
}
