import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { checkRegisters, type RegisterOperation } from './register.js';

const read = (startMs: number, endMs: number, value: string | undefined): RegisterOperation => {
  return { key: 'k', caller: 'c', input: { type: 'read' }, output: { value }, startMs, endMs };
};
const write = (startMs: number, endMs: number, value: string | undefined): RegisterOperation => {
  const output = endMs === Infinity ? undefined : { value: undefined };
  return { key: 'k', caller: 'c', input: { type: 'write', value }, output, startMs, endMs };
};

describe('the check of a history of registers', () => {
  it('takes reads of either side of a write that runs beside them', () => {
    checkRegisters([write(0, 10, 'a'), read(1, 9, undefined), read(5, 8, 'a'), read(11, 12, 'a')]);
  });

  it('refuses a stale read', () => {
    assert.throws(
      () => checkRegisters([write(0, 1, 'a'), write(2, 3, 'b'), read(4, 5, 'a')]),
      /> 4.0\.\.5.0 c: read {2}a/,
    );
  });

  it('refuses two reads that disagree about the order of two writes', () => {
    const writes = [write(0, 10, 'a'), write(0, 10, 'b')];
    checkRegisters([...writes, read(1, 2, 'a'), read(3, 4, 'b'), read(11, 12, 'b')]);
    assert.throws(() =>
      checkRegisters([...writes, read(1, 2, 'a'), read(3, 4, 'b'), read(5, 6, 'a'), read(11, 12, 'b')]),
    );
  });

  it('lets a write of unknown outcome take effect late, or never, but once', () => {
    const unknown = write(0, Infinity, 'a');
    checkRegisters([unknown, read(1, 2, undefined), read(50, 51, 'a')]);
    checkRegisters([unknown, write(1, 2, 'b'), read(3, 4, 'b')]);
    assert.throws(() => checkRegisters([unknown, read(1, 2, 'a'), write(3, 4, 'b'), read(5, 6, 'a')]));
  });

  it('refuses a value that was never written', () => {
    assert.throws(() => checkRegisters([write(0, 1, 'a'), read(2, 3, 'x')]));
  });

  it('refuses a deleted value that is seen again', () => {
    checkRegisters([write(0, 1, 'a'), write(2, 3, undefined), read(4, 5, undefined)]);
    assert.throws(() => checkRegisters([write(0, 1, 'a'), write(2, 3, undefined), read(4, 5, 'a')]));
  });

  it('agrees with trying all orders', () => {
    const times = fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 6 }));
    const operation = fc.tuple(fc.constantFrom('read', 'write', 'unknown'), times, fc.nat({ max: 4 }));
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 6 }), (drawn) => {
        const history = drawn.map(([kind, [start, length], value], at) => {
          if (kind === 'read') return read(start, start + length, value === 4 ? undefined : `v${value}`);
          return write(start, kind === 'write' ? start + length : Infinity, `v${at}`);
        });
        let accepted = true;
        try {
          checkRegisters(history);
        } catch {
          accepted = false;
        }
        assert.equal(accepted, tryAll(history, undefined));
      }),
      { numRuns: 2000 },
    );
  });

  it('takes a long history of many callers in little time', () => {
    const history = Array.from({ length: 7000 }, (_, at) => {
      const startMs = at * 5;
      // Each overlaps its neighbours; every write is read, and some are never answered.
      const pair = [write(startMs, startMs + 2.5, `v${at}`), read(startMs + 2, startMs + 5.5, `v${at}`)];
      return at % 9 === 0 ? [...pair, write(startMs, Infinity, `never-${at}`)] : pair;
    });
    checkRegisters(history.flat());
  });
});

/** The definition itself: some order of the operations, or of those with an outcome, keeps time and values. */
function tryAll(left: readonly RegisterOperation[], state: string | undefined): boolean {
  if (left.every(({ endMs }) => endMs === Infinity)) return true;
  return left.some((next, at) => {
    if (left.some((other) => other.endMs < next.startMs)) return false;
    if (next.input.type === 'read' && next.output?.value !== state) return false;
    const after = next.input.type === 'write' ? next.input.value : state;
    return tryAll(left.toSpliced(at, 1), after);
  });
}
