import { deepStrictEqual } from 'node:assert/strict';
import { InvariantError } from '../src/base/assert.js';
import { promised, type Completion } from '../src/base/completion.js';
import { KvorumError } from '../src/base/errors.js';
import type { Command, CommandResult, KeyValue } from '../src/fsm/command.js';
import { isKeyRange } from '../src/fsm/range.js';
import type { Member, RangeAnswer, RangeQuery, ReadOptions } from '../src/member/types.js';
import { toBytes, toText } from './alphabet.js';
import { checkFits } from './answer-fit.js';
import { comparisonsLevel } from './builds.js';
import type { Path, Request } from './calls.js';
import type { Answer, Call, Item } from './checkers/history.js';

type RangeCall = Extract<Call, { type: 'range' }>;
type RangeSeen = Extract<Answer, { type: 'range' }>;

interface Told {
  /** What no caller may see: the run is to fail. */
  readonly failed: (error: unknown) => void;
  /** A part of a range has been read, of which the caller hears when all of it has. */
  readonly pageRead: () => void;
}

/**
 * Makes the calls of one request at the member.
 * @returns an answer for each call, or why it alone was refused
 */
export async function perform(
  member: Member,
  request: Request,
  options: ReadOptions,
  told: Told,
): Promise<(Answer | KvorumError)[]> {
  const { calls } = request;
  const [call] = calls;
  const answers =
    call?.type === 'range'
      ? [await performRange(member, call, request, options, told)]
      : await performWrites(member, request, options, told.failed);
  try {
    answers.forEach((answer, at) => {
      if (!(answer instanceof KvorumError)) checkFits(calls[at]!, answer);
    });
  } catch (error) {
    told.failed(error);
  }
  return answers;
}

async function performWrites(
  member: Member,
  { calls, path }: Request,
  options: ReadOptions,
  failed: (error: unknown) => void,
): Promise<(Answer | KvorumError)[]> {
  if (calls.some((each) => 'expected' in each)) member.requireLevel(comparisonsLevel, 'a comparison');
  const commands = calls.map(toCommand);
  const results = await writeAll(member, commands, path, options, failed);
  return results.map((result, at) => toAnswer(calls[at]!, result));
}

async function writeAll(
  member: Member,
  commands: readonly Command[],
  path: Path,
  options: ReadOptions,
  failed: (error: unknown) => void,
): Promise<readonly CommandResult[]> {
  const [command] = commands;
  if (path === 'whole' || command === undefined) return member.writeAll(commands, options);
  if (path === 'promise') return [await member.write(command, options)];
  const result = promised<CommandResult>((completion) =>
    member.startWrite(command, options, once(completion, failed)),
  );
  return [await result];
}

/** A caller is told one outcome. */
function once<T>(completion: Completion<T>, failed: (error: unknown) => void): Completion<T> {
  let told = false;
  const tell = (what: () => void): void => {
    if (told) failed(new InvariantError('a caller is told a second outcome'));
    told = true;
    what();
  };
  return {
    resolve: (value) => tell(() => completion.resolve(value)),
    reject: (error) => tell(() => completion.reject(error)),
  };
}

async function performRange(
  member: Member,
  call: RangeCall,
  { path, reading }: Request,
  options: ReadOptions,
  { failed, pageRead }: Told,
): Promise<Answer> {
  const { revision, limit, serializable, paged = false } = call;
  const end = call.end === undefined ? undefined : toBytes(call.end);
  // What is cut off is at the end of the range.
  const reverse = reading.reverse && limit === 0;
  const { sizeBytesMax, unitsMax } = reading;
  let query: RangeQuery = { key: toBytes(call.key), end, revision, limit, ...(reverse && { reverse }) };
  if (paged) query = { ...query, pageOnly: true, limit: reading.limit, sizeBytesMax, unitsMax };
  const read = async (): Promise<RangeAnswer> => {
    const page = await readOnce(member, query, path, { ...options, serializable }, failed);
    pageRead();
    return page;
  };
  const first = await read();
  const items = first.items.map(toItem);
  let count = first.count;
  for (let { next } = first; paged && next !== undefined;) {
    // Later pages show what the first one did.
    query = { ...query, revision: revision === 0 ? first.revision : revision };
    query = reverse ? { ...query, end: next } : { ...query, key: next };
    const page = await read();
    items.push(...page.items.map(toItem));
    count += page.count;
    next = page.next;
  }
  const answer = {
    type: 'range',
    revision: first.revision,
    items: reverse ? items.reverse() : items,
    count,
  } as const;
  if (reading.again !== undefined && isKeyRange(query)) {
    await readAgain(member, call, reading.again, answer, options, failed);
  }
  return answer;
}

/** The same range at the same revision, of which less is wanted: it shows no other keys. */
async function readAgain(
  member: Member,
  call: RangeCall,
  what: 'count' | 'keys',
  seen: RangeSeen,
  options: ReadOptions,
  failed: (error: unknown) => void,
): Promise<void> {
  const [key, end] = [toBytes(call.key), toBytes(call.end!)];
  const { limit } = call;
  const revision = call.revision === 0 ? seen.revision : call.revision;
  const query = {
    key,
    end,
    revision,
    limit,
    ...(what === 'count' ? { countOnly: true } : { keysOnly: true }),
  };
  let answer: RangeAnswer;
  try {
    answer = await member.range(query, options);
  } catch {
    // It may be compacted by now, or the member no longer asked. Why it is refused, the answers that count tell.
    return;
  }
  const wanted = what === 'count' ? [] : seen.items.map((item) => ({ ...item, value: '' }));
  try {
    deepStrictEqual([answer.count, answer.items.map(toItem)], [seen.count, wanted]);
  } catch (error) {
    failed(
      new InvariantError(`reading the ${what} alone at revision ${revision} shows something else`, {
        cause: error,
      }),
    );
  }
}

function readOnce(
  member: Member,
  query: RangeQuery,
  path: Path,
  options: ReadOptions,
  failed: (error: unknown) => void,
): Promise<RangeAnswer> {
  if (path !== 'completion') return member.range(query, options);
  return promised((told) => {
    const completion = once(told, failed);
    if (isKeyRange(query)) {
      member.startRange(query, options, completion);
      return;
    }
    const readNow = (): void => {
      let answer: RangeAnswer;
      try {
        answer = member.rangeLocal(query);
      } catch (error) {
        completion.reject(error);
        return;
      }
      completion.resolve(answer);
    };
    if (options.serializable === true) readNow();
    else {
      member.startReadBarrier(options, {
        resolve: readNow,
        reject: (error) => completion.reject(error),
      });
    }
  });
}

function toCommand(call: Call): Command {
  switch (call.type) {
    case 'put': {
      const [key, value] = [toBytes(call.key), toBytes(call.value)];
      return { type: 'put', key, value, lease: 0n, previous: call.previous };
    }
    case 'delete': {
      const end = call.end === undefined ? undefined : toBytes(call.end);
      return { type: 'delete-range', key: toBytes(call.key), end, previous: call.previous };
    }
    case 'compact':
      return { type: 'compact', revision: call.revision };
    case 'compare-and-set': {
      const [key, value] = [toBytes(call.key), toBytes(call.value)];
      return { type: 'put', key, value, lease: 0n, previous: false, expectedModRevision: call.expected.is };
    }
    case 'compare-and-delete': {
      const condition = { end: undefined, previous: false, expectedModRevision: call.expected.is };
      return { type: 'delete-range', key: toBytes(call.key), ...condition };
    }
    default:
      throw new Error(`the state machine has no ${call.type}`);
  }
}

function toAnswer(call: Call, result: CommandResult): Answer | KvorumError {
  const { revision } = result;
  if ('expected' in call && (result.type === 'put' || result.type === 'delete-range')) {
    return { type: call.type, revision, done: true, found: call.expected.is };
  }
  if ('expected' in call && result.type === 'not-expected') {
    return { type: call.type, revision, done: false, found: result.modRevision };
  }
  switch (result.type) {
    case 'put': {
      const previous = result.previous === undefined ? undefined : toItem(result.previous);
      return { type: 'put', revision, previous };
    }
    case 'delete-range':
      return {
        type: 'delete',
        revision,
        deletedCount: result.deletedCount,
        previous: result.previous.map(toItem),
      };
    case 'compact':
      return { type: 'compact', revision };
    case 'refused':
      return new KvorumError(result.code, result.message);
    default:
      throw new Error(`no client asked for ${result.type}`);
  }
}

function toItem(pair: KeyValue): Item {
  const { key, value, createRevision, modRevision, version } = pair;
  return { key: toText(key), value: toText(value), createRevision, modRevision, version };
}
