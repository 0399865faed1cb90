import { assert } from '../src/base/assert.js';
import { Work } from '../src/base/work.js';
import type { MemberParts } from '../src/member/parts.js';
import type { Row } from '../src/ports/backend.js';
import type { Machine } from './machine.js';

/** What was done on one budget of work. */
interface Done {
  rows: number;
  sizeBytes: number;
  commands: number;
}

/** How what is counted here goes with what a member counts itself. */
interface Account {
  readonly what: string;
  /** The budget, and what a turn may take beyond it. */
  readonly unitsMax: number;
  readonly rowsPerUnit: number;
  readonly rowsBeyond: number;
  readonly bytesBeyond: number;
}

const bytesPerUnit = 4096;
/** Of a row that is read for a write and written again. */
const timesTouched = 2;
/** Work of rows of these runs: of one that was begun, and of entries that are walked over. */
const readUnitsBeyond = 16;
/** An entry of few commands is applied whole, whatever work is left, and a row may be a long one. */
const applyUnitsBeyond = 100;
/** A segment of the changes is removed whole: each of its changes may have an entry of its own. */
const changeSizeBytesMin = 8;

/**
 * No turn of the event loop does more than its share. Members count their work themselves; here is counted beside them
 * which rows of the state they look at and write, how many bytes these have, and how many commands they apply.
 */
export class TurnWork {
  readonly #done = new WeakMap<Work, Done>();
  #counting: Done | undefined;
  /** Of the longest row, at most. */
  readonly #rowUnits: number;

  constructor(rowUnits: number) {
    this.#rowUnits = rowUnits;
  }

  attach(machine: Machine, { machine: state, backend, options }: MemberParts): void {
    this.#watch(backend, machine.backend);
    this.#watchApply(machine, state, options.applyUnitsMax);
    this.#watchCompaction(machine, state, options);
    const reading = {
      what: `${machine.name} reads`,
      unitsMax: options.readSliceUnits + readUnitsBeyond * this.#rowUnits,
      ...{ rowsPerUnit: 1, rowsBeyond: 1, bytesBeyond: bytesPerUnit * this.#rowUnits },
    };
    const read = state.read.bind(state);
    state.read = (query) => {
      const begun = read(query);
      const step = begun.step.bind(begun);
      begun.step = (work) => this.#on(work, reading, () => step(work));
      return begun;
    };
    // Its row, and the links of its past up to one that has an entry.
    const keyRowsMax = 2 * options.versionsPerEntry + 8;
    const range = state.range.bind(state);
    state.range = (query) => {
      const done = nothing();
      const answer = this.#counted(done, () => range(query));
      const { rows } = done;
      assert(rows <= keyRowsMax, `${machine.name} looks at ${rows} rows for one key`);
      return answer;
    };
  }

  #watchApply(machine: Machine, state: MemberParts['machine'], unitsMax: number): void {
    const applying = {
      what: `${machine.name} applies`,
      unitsMax: unitsMax + applyUnitsBeyond * this.#rowUnits,
      ...{ rowsPerUnit: 4, rowsBeyond: 16, bytesBeyond: 8 * bytesPerUnit * this.#rowUnits },
    };
    const apply = state.apply.bind(state);
    let underWay = false;
    state.apply = (entry, work?: Work) =>
      this.#on(work ?? Work.unbounded(), applying, (done) => {
        const applied = apply(entry, work);
        // Of one that takes several turns, the rows tell.
        if (!underWay) done.commands += applied?.batch?.results.length ?? 0;
        underWay = applied === undefined;
        return applied;
      });
  }

  #watchCompaction(machine: Machine, state: MemberParts['machine'], options: MemberParts['options']): void {
    const segmentChangesMax = options.revisionSegmentSizeBytesMax / changeSizeBytesMin;
    const compacting = {
      what: `${machine.name} compacts`,
      unitsMax: options.compactionUnitsMax + 2 * segmentChangesMax + readUnitsBeyond * this.#rowUnits,
      ...{ rowsPerUnit: 2, rowsBeyond: 8, bytesBeyond: 16 * bytesPerUnit * this.#rowUnits },
    };
    const compactSlice = state.compactSlice.bind(state);
    state.compactSlice = (work) => this.#on(work, compacting, () => compactSlice(work));
  }

  #watch(backend: MemberParts['backend'], memory: Pick<Machine['backend'], 'below'>): void {
    const get = backend.get.bind(backend);
    backend.get = (table, key) => {
      const value = get(table, key);
      this.#count(value?.length ?? 0);
      return value;
    };
    const range = backend.range.bind(backend);
    const count = (sizeBytes: number): void => this.#count(sizeBytes);
    backend.range = function* (table, bounds) {
      const below = { rows: 0 };
      memory.below = (rows) => counted(rows, below);
      let told = 1;
      for (const row of range(table, { ...bounds, withRemoved: true })) {
        // The next one is looked at before a row is told. What it is not told of costs the same.
        for (; below.rows > told; told++) count(0);
        told++;
        // What the caller wants of it: what is not on disk comes whole.
        count(Math.min(row.value.length, bounds.valueBytesMax ?? Infinity));
        if (row.removed !== true || bounds.withRemoved === true) yield row;
      }
    };
    const put = backend.put.bind(backend);
    backend.put = (table, key, value) => {
      // A segment is handed over as it stands: what was added to it is counted with its key.
      this.#count(table === 'revisions' ? 0 : value.length);
      put(table, key, value);
    };
    const remove = backend.delete.bind(backend);
    backend.delete = (table, key) => {
      this.#count(0);
      remove(table, key);
    };
  }

  #count(sizeBytes: number): void {
    if (this.#counting === undefined) return;
    this.#counting.rows++;
    this.#counting.sizeBytes += sizeBytes;
  }

  #counted<T>(done: Done, action: (done: Done) => T): T {
    const outer = this.#counting;
    this.#counting = done;
    try {
      return action(done);
    } finally {
      this.#counting = outer;
    }
  }

  #on<T>(work: Work, account: Account, action: (done: Done) => T): T {
    let done = this.#done.get(work);
    if (done === undefined) this.#done.set(work, (done = nothing()));
    const result = this.#counted(done, action);
    const { what, unitsMax, rowsPerUnit, rowsBeyond, bytesBeyond } = account;
    const { units } = work;
    const { rows, sizeBytes, commands } = done;
    // Whoever waits for it is told, and fails the run.
    assert(units <= unitsMax, `${what} ${units} units in one turn`);
    assert(rows <= units * rowsPerUnit + rowsBeyond, `${what} ${rows} rows, and counts ${units}`);
    const sizeBytesMax = units * timesTouched * bytesPerUnit + bytesBeyond;
    assert(sizeBytes <= sizeBytesMax, `${what} ${sizeBytes} bytes, and counts ${units}`);
    assert(commands <= units, `${what} ${commands} commands, and counts ${units}`);
    return result;
  }
}

function* counted(rows: Iterable<Row>, met: { rows: number }): Generator<Row> {
  for (const row of rows) {
    met.rows++;
    yield row;
  }
}

function nothing(): Done {
  return { rows: 0, sizeBytes: 0, commands: 0 };
}
