import { createReadStream } from 'node:fs';
import { readFile, rename, rm, stat, open } from 'node:fs/promises';
import { KvorumError, type KvorumClient } from '../client/index.js';
import { clientCommand } from './client-command.js';
import type { Command, Invocation } from './command.js';
import { CommandError, exitCodeOf, exitCodes, UsageError } from './exit-codes.js';
import { decodePair, formatOf, LineError, linesOf, type Pair, type PairFormat } from './pair-lines.js';
import { Progress } from './progress.js';

/** Sets on their way. Lines are acknowledged in any order; what counts is how many are in a row. */
const setsInFlightMax = 1024;
const retryPauseMs = 100;
/** Lines between two records of how far it got. */
const checkpointLines = 2000;

interface Source {
  readonly stream: AsyncIterable<Uint8Array>;
  readonly sizeBytes: number | undefined;
  /** Where it is kept how far an import got; undefined for stdin. */
  readonly progressPath: string | undefined;
}

async function openSource({ args: [file], io, flags }: Invocation): Promise<Source> {
  if (file === undefined || file === '-') {
    if (flags.boolean('resume'))
      throw new UsageError('flag -resume needs a FILE: stdin cannot be read again');
    return { stream: io.stdin, sizeBytes: undefined, progressPath: undefined };
  }
  try {
    const { size } = await stat(file);
    return { stream: createReadStream(file), sizeBytes: size, progressPath: `${file}.progress` };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(exitCodes.usage, `file ${file} cannot be read (${code ?? String(error)})`);
  }
}

/** How many lines from the first on are acknowledged. */
async function readProgress(path: string): Promise<number> {
  try {
    const { lines } = JSON.parse(await readFile(path, 'utf8')) as { lines: unknown };
    if (typeof lines === 'number' && Number.isSafeInteger(lines) && lines >= 0) return lines;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
  }
  throw new CommandError(exitCodes.usage, `${path} is damaged; remove it to begin at the first line`);
}

async function writeProgress(path: string, lines: number): Promise<void> {
  const file = await open(`${path}.tmp`, 'w');
  try {
    await file.writeFile(JSON.stringify({ lines }));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
}

/** Sets pairs, many at a time, each key in the order of its lines, until each is acknowledged. */
class Importer {
  readonly #client: KvorumClient;
  readonly #retryForMs: number;
  readonly #onItsWay = new Map<string, Promise<void>>();
  readonly #window: { readonly line: number; readonly done: Promise<void> }[] = [];
  /** Lines from the first on that are acknowledged. */
  acknowledgedLine = 0;

  constructor(client: KvorumClient, retryForMs: number) {
    this.#client = client;
    this.#retryForMs = retryForMs;
  }

  async add(line: number, pair: Pair): Promise<void> {
    if (this.#window.length >= setsInFlightMax) await this.#settleOldest();
    const key = Buffer.from(pair.key).toString('latin1');
    const before = this.#onItsWay.get(key);
    const done = (async () => {
      await before;
      await this.#set(line, pair);
    })();
    // It is awaited in the order of the lines; until then nobody must be told of it as unhandled.
    done.catch(() => {});
    this.#onItsWay.set(key, done);
    const forget = (): void => {
      if (this.#onItsWay.get(key) === done) this.#onItsWay.delete(key);
    };
    done.then(forget, forget);
    this.#window.push({ line, done });
  }

  /** Setting a pair again does no harm, so an unknown outcome is asked for again too. */
  async #set(line: number, pair: Pair): Promise<void> {
    const deadline = performance.now() + this.#retryForMs;
    for (;;) {
      try {
        await this.#client.set(pair.key, pair.value);
        return;
      } catch (error) {
        const code = exitCodeOf(error);
        const mayPass = code === exitCodes.unavailable || code === exitCodes.unknown;
        const full = error instanceof KvorumError && error.code === 'LIMIT_EXCEEDED';
        if ((!mayPass && !full) || performance.now() > deadline) {
          const reason = error instanceof Error ? error.message : String(error);
          throw new CommandError(code, `line ${line}: ${reason}`);
        }
        await new Promise((resolve) => setTimeout(resolve, retryPauseMs));
      }
    }
  }

  async #settleOldest(): Promise<void> {
    const oldest = this.#window.shift();
    if (oldest === undefined) return;
    await oldest.done;
    this.acknowledgedLine = oldest.line;
  }

  async finish(): Promise<void> {
    while (this.#window.length > 0) await this.#settleOldest();
  }
}

async function runImport(client: KvorumClient, invocation: Invocation): Promise<typeof exitCodes.ok> {
  const { flags, io } = invocation;
  const source = await openSource(invocation);
  const { progressPath } = source;
  const skip = flags.boolean('resume') && progressPath !== undefined ? await readProgress(progressPath) : 0;
  const importer = new Importer(client, flags.number('retry-for'));
  importer.acknowledgedLine = skip;
  const progress = new Progress(io.stderr, 'import');
  let format = flags.optional('format') as PairFormat | undefined;
  let pairs = 0;
  let checkpoint = skip;
  const keep = async (): Promise<void> => {
    checkpoint = importer.acknowledgedLine;
    if (progressPath !== undefined) await writeProgress(progressPath, checkpoint);
  };
  try {
    for await (const { number, text, endBytes } of linesOf(source.stream)) {
      if (text === '') continue;
      format ??= formatOf(text);
      if (number <= skip) continue;
      await importer.add(number, parse(number, text, format));
      pairs++;
      progress.update(pairs, source.sizeBytes === undefined ? undefined : endBytes / source.sizeBytes);
      if (importer.acknowledgedLine - checkpoint >= checkpointLines) await keep();
    }
    await importer.finish();
  } catch (error) {
    // What is on its way may still be acknowledged; how far it got must not be forgotten either way.
    await importer.finish().catch(() => {});
    await keep();
    if (error instanceof LineError) throw new CommandError(exitCodes.usage, error.message);
    throw error;
  }
  if (progressPath !== undefined) await rm(progressPath, { force: true });
  progress.end(pairs);
  await io.stderr.write(`imported ${pairs} pairs${skip > 0 ? `, from line ${skip + 1} on` : ''}\n`);
  return exitCodes.ok;
}

function parse(number: number, text: string, format: PairFormat): Pair {
  try {
    return decodePair(text, format);
  } catch (error) {
    if (!(error instanceof LineError)) throw error;
    throw new LineError(`line ${number}: ${error.message}`);
  }
}

export const importCommand: Command = clientCommand({
  name: 'import',
  usage: '[FILE]',
  summary: 'set the pairs of a file, or of stdin: JSON lines or tab-separated',
  flags: [
    {
      name: 'format',
      kind: 'text',
      value: 'jsonl|tsv',
      choices: ['jsonl', 'tsv'],
      summary: 'how the lines are written; told from the first line if not given',
    },
    {
      name: 'resume',
      kind: 'boolean',
      default: 'false',
      summary: 'go on behind the lines that FILE.progress says are acknowledged',
    },
    {
      name: 'retry-for',
      kind: 'number',
      default: '30000',
      value: 'MS',
      summary: 'milliseconds to go on trying when the cluster cannot serve',
    },
  ],
  argumentsMin: 0,
  argumentsMax: 1,
  examples: ['import pairs.jsonl', 'import pairs.jsonl --resume', 'import --format=tsv < pairs.tsv'],
  run: runImport,
});
