import { KvorumError } from '../src/base/errors.js';
import { Calls, plainRequest, type Request } from './calls.js';
import type { Answer, Call, Outcome } from './checkers/history.js';
import type { Cluster } from './cluster.js';
import { Dice } from './dice.js';
import type { Life, Machine } from './machine.js';
import { perform } from './perform.js';

/** A request on its way. */
interface Invocation {
  readonly ids: readonly number[];
  /** It has come to the member. */
  readonly arrived: () => void;
  /** The member has read a part of it. */
  readonly pageRead: () => void;
  /** Takes the outcomes, or nothing if there are none; but for the first time it does nothing. */
  readonly told: (outcomes: readonly Outcome[] | undefined) => void;
}

/** Clients that call random members, one call after the other each; what they see is the history. */
export class Clients {
  readonly #cluster: Cluster;
  readonly #dice: Dice;
  readonly #calls: Calls;
  #callsLeft: number;
  #stopped = false;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const { seed, clients } = cluster.plan;
    this.#dice = Dice.of(seed, 'clients');
    this.#calls = new Calls(cluster.plan, this.#dice);
    this.#callsLeft = clients.callsMax;
  }

  start(): void {
    for (let number = 1; number <= this.#cluster.plan.clients.count; number++) this.#next(`c${number}`);
  }

  /** No new calls. */
  stop(): void {
    this.#stopped = true;
  }

  #next(name: string): void {
    const { pauseMsMax } = this.#cluster.plan.clients;
    this.#cluster.clock.setTimer(this.#dice.ms(0, pauseMsMax), () => this.#act(name));
  }

  #act(name: string): void {
    if (this.#stopped || this.#callsLeft <= 0) return;
    const servers = this.#cluster.running();
    if (servers.length === 0) {
      this.#next(name);
      return;
    }
    const requests = this.#calls.next();
    for (const { calls } of requests) this.#callsLeft -= calls.length;
    const machine = this.#dice.pick(servers);
    let open = requests.length;
    const done = (): void => {
      if (--open === 0) this.#next(name);
    };
    this.#send(name, machine, requests, done, this.#cluster.plan.clients.timeoutMs);
  }

  /**
   * One call of somebody else; `done` when it is answered, or will not be.
   * @param timeoutMs what the member is given for it
   */
  call(
    name: string,
    machine: Machine,
    call: Call,
    done: (outcome: Outcome | undefined) => void,
    timeoutMs: number,
  ): void {
    this.#send(name, machine, [plainRequest([call])], (outcomes) => done(outcomes?.[0]), timeoutMs);
  }

  /** Makes the requests in one turn; `done` when one of them is answered, or will not be. */
  #send(
    name: string,
    machine: Machine,
    requests: readonly Request[],
    done: (outcomes: readonly Outcome[] | undefined) => void,
    timeoutMs: number,
  ): void {
    const life = machine.life!;
    const begun = requests.map((request) => {
      return { request, ...this.#invoke(name, machine, request, timeoutMs, done) };
    });
    // Callers that share a turn share its entries too.
    life.process.enter(() => {
      for (const { request, ids, arrived, ...ways } of begun) {
        for (const id of ids) this.#cluster.history.arrive(id);
        arrived();
        this.#perform(life, request, timeoutMs, ways);
      }
    });
  }

  #invoke(
    name: string,
    machine: Machine,
    request: Request,
    timeoutMs: number,
    done: (outcomes: readonly Outcome[] | undefined) => void,
  ): Invocation {
    const { calls, path } = request;
    const { clock, history, liveness } = this.#cluster;
    const life = machine.life!;
    const server = `${machine.name}.${life.number}`;
    const ids = calls.map((call) => history.invoke(name, server, call, clock.monotonicMs()));
    if (this.#cluster.tracing) {
      const way = path === 'whole' ? '' : ` by ${path}`;
      for (const call of calls)
        this.#cluster.trace(name, 'invoke', `at ${machine.name}${way}: ${JSON.stringify(call)}`);
    }
    const arrival = { server, id: ids[0]!, request, timeoutMs };
    let open = true;
    const end = (outcomes: readonly Outcome[] | undefined): void => {
      if (!open) return;
      open = false;
      timer.cancel();
      life.ended.delete(lost);
      liveness.ended(arrival, outcomes);
      outcomes?.forEach((outcome, at) => {
        history.respond(ids[at]!, outcome, clock.monotonicMs());
        this.#noteOutcome(name, calls[at]!, outcome);
      });
      done(outcomes);
    };
    const lost = (): void => end(undefined);
    // The member gives up first, unless it cannot even do that.
    const timer = clock.setTimer(timeoutMs * 2 + 500, lost);
    life.ended.add(lost);
    const arrived = (): void => {
      if (open) liveness.arrived(arrival);
    };
    const pageRead = (): void => liveness.pageRead(server, calls[0]!);
    return { ids, arrived, pageRead, told: end };
  }

  #perform(
    life: Life,
    request: Request,
    timeoutMs: number,
    { pageRead, told }: Pick<Invocation, 'pageRead' | 'told'>,
  ): void {
    const options = { timeoutMs, signal: this.#someSignal() };
    const failed = (error: unknown): void => this.#cluster.fail(error);
    perform(life.member!, request, options, { failed, pageRead }).then(
      (answers) => told(answers.map((answer) => this.#outcomeOf(answer))),
      (error: unknown) => {
        if (!life.process.ended) told(request.calls.map(() => this.#refusal(error)));
      },
    );
  }

  /** Of a caller that gives up after a while, now and then. */
  #someSignal(): AbortSignal | undefined {
    const dice = this.#dice;
    const { cancelProbability, timeoutMs } = this.#cluster.plan.clients;
    if (!dice.chance(cancelProbability)) return undefined;
    const controller = new AbortController();
    this.#cluster.clock.setTimer(dice.ms(0, timeoutMs / 2), () => controller.abort());
    return controller.signal;
  }

  #noteOutcome(name: string, call: Call, outcome: Outcome): void {
    if (outcome.kind === 'ok') this.#calls.note(call, outcome.answer);
    if (this.#cluster.tracing) this.#cluster.trace(name, 'respond', JSON.stringify(outcome));
  }

  #refusal(error: unknown): Outcome {
    if (!(error instanceof KvorumError) || error.code === 'INTERNAL') {
      this.#cluster.fail(error);
      return { kind: 'unknown', code: 'INTERNAL' };
    }
    return { kind: error.outcome === 'unknown' ? 'unknown' : 'failed', code: error.code };
  }

  #outcomeOf(told: Answer | KvorumError): Outcome {
    return told instanceof KvorumError ? this.#refusal(told) : { kind: 'ok', answer: told };
  }
}
