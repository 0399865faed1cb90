import { Prng, randomInt, type RandomSource } from '../../../src/base/prng.js';
import { History, type Call, type Outcome } from '../history.js';
import { calls, unknown } from './scripted-history.js';
import { StoreModel } from './store-model.js';

export interface StoreRunOptions {
  readonly seed: number;
  readonly operations: number;
  readonly clients: number;
  readonly keys: number;
  /** Per mille of calls whose answer is lost. */
  readonly lost: number;
}

interface Running {
  readonly id: number;
  readonly call: Call;
  outcome: Outcome | undefined;
}

/** Clients that call a store without faults, their calls taking effect at random between call and answer. */
export function runStore(options: StoreRunOptions): History {
  const random = new Prng(options.seed);
  const history = new History();
  let store = new StoreModel();
  const running: (Running | undefined)[] = [];
  const takeEffect = (call: Call): Outcome => {
    const [after, outcome] = store.apply(call);
    store = after;
    return outcome;
  };
  const late: Call[] = [];
  const isOver = (): boolean =>
    history.operations.length >= options.operations && running.every((each) => each === undefined);
  for (let time = 0; !isOver(); time++) {
    if (late.length > 0 && randomInt(random, 8) === 0) takeEffect(late.pop()!);
    const client = randomInt(random, options.clients);
    const now = running[client];
    if (now === undefined) {
      if (history.operations.length >= options.operations) continue;
      const call = someCall(random, options.keys, store, history.operations.length);
      const id = history.invoke(`c${client}`, 'n1', call, time);
      running[client] = { id, call, outcome: undefined };
      continue;
    }
    if (now.outcome === undefined) {
      if (randomInt(random, 1000) >= options.lost) {
        now.outcome = takeEffect(now.call);
        continue;
      }
      now.outcome = unknown;
      const fate = randomInt(random, 3);
      if (fate === 0) takeEffect(now.call);
      else if (fate === 1) late.push(now.call);
    }
    history.respond(now.id, now.outcome, time);
    running[client] = undefined;
  }
  return history;
}

function someCall(random: RandomSource, keys: number, store: StoreModel, number: number): Call {
  const key = `k${randomInt(random, keys)}`;
  const past = Math.max(0, store.revision - randomInt(random, 4) + 1);
  const end = `k${randomInt(random, keys)}~`;
  const dice = randomInt(random, 100);
  if (dice < 35) return { ...calls.put(key, `v${number}`), previous: dice < 10 } as Call;
  if (dice < 50) return { ...calls.delete(key), previous: dice < 42 } as Call;
  if (dice < 55) return calls.delete(key, end);
  if (dice < 60) return calls.append(key, `+${number}`);
  if (dice < 70) return someConditional(random, key, store, `v${number}`);
  if (dice < 73) return calls.compact(past);
  if (dice < 83) return calls.read(key);
  if (dice < 90) return { ...calls.read(key, { end }), limit: randomInt(random, 3) } as Call;
  return calls.read(key, { end, revision: past });
}

/** Often the comparison succeeds: if nothing comes between. */
function someConditional(random: RandomSource, key: string, store: StoreModel, value: string): Call {
  const item = store.at(store.revision).find((each) => each.key === key);
  const by = randomInt(random, 4) === 0 ? 'version' : 'revision';
  const now = (by === 'version' ? item?.version : item?.modRevision) ?? 0;
  const is = [now, now, now, 0, Math.max(0, now - 1), now + 1][randomInt(random, 6)]!;
  return randomInt(random, 3) === 0 ? calls.remove(key, by, is) : calls.set(key, by, is, value);
}
