import { KvorumError } from '../base/errors.js';
import type { KvorumClient } from '../client/index.js';
import type { Invocation, Io } from './command.js';
import {
  CommandError,
  exitCodeOf,
  exitCodes,
  signalCodes,
  type ExitCode,
  type StopSignal,
} from './exit-codes.js';
import { Importer } from './importer.js';
import { endedBy, openSource, type Source } from './import-source.js';
import { decodePair, formatOf, LineError, linesOf, type Pair, type PairFormat } from './pair-lines.js';
import { Progress } from './progress.js';

/** Lines between two records of how far it got. */
const checkpointLines = 2000;

export async function runImport(client: KvorumClient, invocation: Invocation): Promise<ExitCode> {
  const { flags } = invocation;
  const source = await openSource(invocation);
  try {
    const imported = flags.boolean('resume') ? await source.progress?.read() : undefined;
    // What another cluster has acknowledged, this one does not have.
    if (imported?.cluster !== undefined) client.requireCluster(imported.cluster);
    return await importFrom(source, imported?.lines ?? 0, client, invocation);
  } finally {
    await source.close();
  }
}

/** @param skip lines that are acknowledged already */
async function importFrom(
  source: Source,
  skip: number,
  client: KvorumClient,
  { flags, io }: Invocation,
): Promise<ExitCode> {
  const timeoutMs = flags.number('timeout');
  const retryForMs = flags.number('retry-for');
  const importer = new Importer(client, skip, {
    timeoutMs,
    // Its default is not to cut short what -timeout allows.
    retryForMs: flags.isGiven('retry-for') ? retryForMs : Math.max(retryForMs, timeoutMs),
  });
  const interrupt = new AbortController();
  const ignoreSignals = io.onSignal((signal) => {
    interrupt.abort(signal);
    importer.giveUp();
  });
  const progress = new Progress(io.stderr, 'import');
  try {
    const format = flags.optional('format') as PairFormat | undefined;
    const pairs = await setAll(source, { format, skip, importer, progress, io, signal: interrupt.signal });
    await source.progress?.remove();
    progress.clear();
    const from = skip > 0 ? `, from line ${skip + 1} on` : '';
    await io.stderr.write(`imported ${pairs} ${pairs === 1 ? 'pair' : 'pairs'}${from}\n`);
    return exitCodes.ok;
  } catch (error) {
    await importer.stop();
    progress.clear();
    if (importer.acknowledgedLine > skip) await keep(source, importer, io);
    throw explained(stopped(interrupt.signal) ?? error, source, importer.acknowledgedLine);
  } finally {
    ignoreSignals();
  }
}

interface Setting {
  readonly format: PairFormat | undefined;
  /** Lines that are acknowledged already. */
  readonly skip: number;
  readonly importer: Importer;
  readonly progress: Progress;
  readonly io: Io;
  readonly signal: AbortSignal;
}

/** @returns how many pairs were set */
async function setAll(source: Source, setting: Setting): Promise<number> {
  const { skip, importer, progress, io, signal } = setting;
  let { format } = setting;
  let pairs = 0;
  let lines = 0;
  let kept = skip;
  for await (const { number, text, endBytes } of linesOf(endedBy(signal, source.stream))) {
    // The source was cut off: this may be a part of a line.
    if (signal.aborted) break;
    lines = number;
    if (text === '') continue;
    format ??= formatOf(text);
    if (number <= skip) continue;
    await importer.add(number, parse(number, text, format));
    pairs++;
    progress.update(pairs, source.sizeBytes === undefined ? undefined : endBytes / source.sizeBytes);
    if (importer.acknowledgedLine - kept >= checkpointLines) {
      kept = importer.acknowledgedLine;
      await keep(source, importer, io);
    }
  }
  const why = stopped(signal);
  if (why !== undefined) throw why;
  await importer.finish();
  if (lines < skip) {
    const said = `${source.progress!.path} says that ${skip} lines are set, but the file has ${lines}`;
    throw new CommandError(exitCodes.usage, `${said}: remove it to begin at the first line`);
  }
  return pairs;
}

function stopped(signal: AbortSignal): CommandError | undefined {
  if (!signal.aborted) return undefined;
  return new CommandError(signalCodes[signal.reason as StopSignal], 'the import was stopped');
}

function parse(number: number, text: string, format: PairFormat): Pair {
  try {
    return decodePair(text, format);
  } catch (error) {
    if (!(error instanceof LineError)) throw error;
    throw new LineError(`line ${number}: ${error.message}`);
  }
}

async function keep({ progress }: Source, importer: Importer, io: Io): Promise<void> {
  const problem = await progress?.keep({ lines: importer.acknowledgedLine, cluster: importer.cluster });
  if (problem !== undefined) await io.stderr.write(`${problem}\n`);
}

/** Why it ended, how much is set, and how to go on. */
function explained(error: unknown, source: Source, acknowledgedLine: number): Error {
  if (!(error instanceof LineError || error instanceof CommandError)) {
    return error instanceof Error ? error : new Error(String(error));
  }
  const code = error instanceof LineError ? exitCodes.usage : exitCodeOf(error);
  const resumable = acknowledgedLine > 0 && source.progress?.usable === true;
  const isOther = error.cause instanceof KvorumError && error.cause.code === 'WRONG_CLUSTER';
  const advice = isOther
    ? `in the cluster that was there before; remove ${source.progress!.path} to begin at the first line here`
    : 'go on from there with -resume';
  const further = resumable ? `; ${advice}` : '';
  return new CommandError(code, `${error.message} (${setText(acknowledgedLine)}${further})`);
}

function setText(acknowledgedLine: number): string {
  if (acknowledgedLine === 0) return 'nothing is set';
  return acknowledgedLine === 1 ? 'line 1 is set' : `lines 1 to ${acknowledgedLine} are set`;
}
