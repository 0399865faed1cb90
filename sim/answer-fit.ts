import { assert } from '../src/base/assert.js';
import { rangeHolds, type Answer, type Call, type Item } from './checkers/history.js';

type PutCall = Extract<Call, { type: 'put' }>;
type DeleteCall = Extract<Call, { type: 'delete' }>;
type RangeCall = Extract<Call, { type: 'range' }>;
type AnswerTo<T> = Extract<Answer, { type: T }>;

/**
 * An answer is one to this very call: of its kind, of its keys, with what was asked for and nothing else. What it says of
 * them is for the checkers.
 * @throws InvariantError
 */
export function checkFits(call: Call, answer: Answer): void {
  assert(answer.type === call.type, `a ${call.type} is answered as a ${answer.type}`);
  if (call.type === 'put') putFits(call, answer as AnswerTo<'put'>);
  if (call.type === 'delete') deleteFits(call, answer as AnswerTo<'delete'>);
  if (call.type === 'range') rangeFits(call, answer as AnswerTo<'range'>);
}

function putFits({ key, previous: asked }: PutCall, { previous, revision }: AnswerTo<'put'>): void {
  if (previous === undefined) return;
  assert(asked, `a put is answered with the pair before, and did not ask for it`);
  assert(previous.key === key, `a put of ${shown(key)} is answered with what ${shown(previous.key)} was`);
  assert(previous.modRevision < revision, 'the pair before a put is older than the put');
}

function deleteFits(call: DeleteCall, { previous, deletedCount = 0, revision }: AnswerTo<'delete'>): void {
  assert(call.end !== undefined || deletedCount <= 1, `a delete of one key deletes ${deletedCount}`);
  const told = call.previous ? deletedCount : 0;
  assert(
    previous.length === told,
    `a delete that ${call.previous ? 'asked' : 'did not ask'} for pairs deletes ${deletedCount} and tells ${previous.length}`,
  );
  pairsFit(call, previous);
  assert(
    previous.every(({ modRevision }) => modRevision < revision),
    'what is deleted is older than its deletion',
  );
}

function rangeFits(call: RangeCall, { items, count }: AnswerTo<'range'>): void {
  assert(count >= items.length, `of ${count} keys ${items.length} are told`);
  assert(call.limit === 0 || items.length <= call.limit, `${items.length} pairs, the limit is ${call.limit}`);
  pairsFit(call, items);
}

function pairsFit(call: DeleteCall | RangeCall, pairs: readonly Item[]): void {
  for (const [at, { key }] of pairs.entries()) {
    assert(rangeHolds(call, key), `${shown(key)} is not among the keys that a ${call.type} names`);
    assert(at === 0 || pairs[at - 1]!.key < key, `${shown(key)} is told out of order`);
  }
}

function shown(key: string): string {
  return JSON.stringify(key.length > 40 ? `${key.slice(0, 40)}…` : key);
}
