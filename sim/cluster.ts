import { assert } from '../src/base/assert.js';
import { encodeUtf8 } from '../src/base/bytes.js';
import { crc32c } from '../src/base/crc32c.js';
import { isDamage, KvorumError } from '../src/base/errors.js';
import { knowsLevel, levelsText } from '../src/base/feature-levels.js';
import type { MemberId } from '../src/base/ids.js';
import { silentLog, type Log } from '../src/base/log.js';
import { Prng } from '../src/base/prng.js';
import type { MemberRecord } from '../src/fsm/members/membership.js';
import { openParts } from '../src/member/open.js';
import { memberDefaults, type MemberOptions } from '../src/member/options.js';
import type { MemberParts, StopReason } from '../src/member/parts.js';
import { RaftMember } from '../src/member/raft-member.js';
import { MemoryNetwork } from '../src/peer/memory-network.js';
import { MemoryPeers } from '../src/peer/memory-peers.js';
import { DiskError } from '../src/ports/disk.js';
import type { Peers } from '../src/ports/peers.js';
import { VirtualClock } from '../src/ports/virtual-clock.js';
import { nextStartEpoch } from '../src/storage/data-folder/identity.js';
import { asReadBy, comparisonsLevel, oldBuild } from './builds.js';
import { History } from './checkers/history.js';
import { Compactions } from './compactions.js';
import { describeMessage } from './describe.js';
import { Dice } from './dice.js';
import { DiskModel, injectedError } from './disk-model.js';
import { GatedPeers } from './gated-peers.js';
import { disturbHalfEntries } from './half-entries.js';
import { join, joinTimeoutMs } from './joining.js';
import type { LivenessObserver } from './liveness-observer.js';
import { Machine, type Life } from './machine.js';
import { MembershipCalls } from './membership-calls.js';
import { Observer } from './observer.js';
import type { Plan } from './plan.js';
import { Process } from './process.js';
import type { SnapshotConduct } from './snapshot-conduct.js';
import { snapshotConduct, snapshotWays } from './snapshot-ways.js';
import type { TraceEvent, TraceSink } from './trace.js';

const clusterId = 77n;
/** However slow its disk is. */
const endTimeoutMs = 60_000;

/** How a process ends. */
export type Ending = 'kill' | 'power-loss';

/**
 * Machines, network and clients' history of one run, in virtual time. Runs the production members; only what is
 * below the ports is simulated.
 */
export class Cluster {
  readonly plan: Plan;
  readonly clock = new VirtualClock();
  readonly network: MemoryNetwork;
  readonly machines: Machine[] = [];
  readonly observer: Observer;
  readonly snapshots: SnapshotConduct;
  readonly history = new History();
  readonly membershipCalls = new MembershipCalls(this);
  readonly compactions: Compactions;
  readonly liveness: LivenessObserver;
  readonly options: MemberOptions;
  /** Chance of what is not a part with a stream of its own. */
  readonly dice: Dice;
  readonly #upgradeDice: Dice;
  readonly #epochRandom: Prng;
  /** The first thing that must not happen. */
  failure: Error | undefined;
  /** Timers and turns so far. */
  events = 0;
  /** Machines come back by themselves after a crash, and members that stop are started again. */
  supervised = true;
  /** A rolling upgrade is under way. */
  upgrading = false;
  /** Removals of members that are under way, or may be. */
  removals = 0;
  /** Faults under way that keep members from what they should do in ways that cannot be seen. */
  hiddenFaults = 0;
  /** Told when somebody leads in a newer term than anybody before. */
  readonly leaderListeners = new Set<() => void>();
  #ledTerm = 0;
  readonly #sink: TraceSink | undefined;
  /** Processes in which something has run since the last check. */
  readonly #touched: Machine[] = [];
  /** How many of the list count: it keeps its place in memory. */
  #touchedCount = 0;
  #ids = 0;

  /** @param watch looks on at the liveness of the new cluster */
  constructor(plan: Plan, sink: TraceSink | undefined, watch: (cluster: Cluster) => LivenessObserver) {
    this.plan = plan;
    this.#sink = sink;
    this.dice = Dice.of(plan.seed, 'cluster');
    this.#upgradeDice = Dice.of(plan.seed, 'upgrades');
    this.#epochRandom = new Prng(plan.seed);
    this.options = { ...memberDefaults, ...plan.options };
    this.compactions = new Compactions(this);
    this.network = new MemoryNetwork(this.clock, Dice.of(plan.seed, 'network'), plan.network);
    this.observer = new Observer(
      sink === undefined ? undefined : (where, event, text) => this.trace(where, event, text),
      rowUnits(plan),
    );
    this.snapshots = snapshotConduct(this);
    this.liveness = watch(this);
    if (sink !== undefined) {
      this.network.watch = (event, message) => {
        this.trace('network', event === 'arrives' ? 'deliver' : 'drop', describeMessage(message));
      };
    }
  }

  trace(where: string, event: TraceEvent['event'], text: string): void {
    this.#sink?.({ atMs: this.clock.monotonicMs(), where, event, text });
  }

  get tracing(): boolean {
    return this.#sink !== undefined;
  }

  get failed(): boolean {
    return this.failure !== undefined;
  }

  fail(error: unknown): void {
    if (this.failed) return;
    this.failure = error instanceof Error ? error : new Error(String(error));
    this.trace('run', 'failure', this.failure.message);
  }

  /** A number that any difference in the course of the run changes. */
  fingerprint(): number {
    const { operations } = this.history;
    let text = `${this.events} ${this.dice.nextUint32()} ${this.clock.monotonicMs()}`;
    for (const { invokedMs, respondedMs, outcome } of operations) {
      const answer = outcome.kind === 'ok' ? outcome.answer.revision : outcome.code;
      text += `${invokedMs} ${respondedMs} ${answer}`;
    }
    return crc32c(encodeUtf8(text));
  }

  /** Lets virtual time pass until `done` holds, at most `ms`. @returns whether it holds */
  async runUntil(done: () => boolean, ms: number): Promise<boolean> {
    let reached = false as boolean;
    await this.clock.advanceAsync(ms, () => {
      this.events++;
      if (this.#touchedCount > 0) this.#checkTouched();
      this.liveness.pass();
      reached = done();
      return reached || this.failed;
    });
    return reached && !this.failed;
  }

  /** As runUntil; that it is not reached in time is a failure. */
  async expect(what: string, timeoutMs: number, done: () => boolean): Promise<void> {
    if (this.failed) return;
    if (!(await this.runUntil(done, timeoutMs))) this.fail(new Error(`${what}: not within ${timeoutMs} ms`));
  }

  phase(name: string): void {
    this.trace('run', 'phase', name);
  }

  #touch(machine: Machine): void {
    if (this.#touchedCount > 0 && this.#touched[this.#touchedCount - 1] === machine) return;
    this.#touched[this.#touchedCount++] = machine;
  }

  #checkTouched(): void {
    try {
      for (let at = 0; at < this.#touchedCount; at++) {
        const machine = this.#touched[at]!;
        this.observer.check(machine);
        this.#noticeLeader(machine);
      }
    } catch (error) {
      this.fail(error);
    }
    this.#touchedCount = 0;
  }

  #noticeLeader(machine: Machine): void {
    const raft = machine.life?.parts?.raft;
    if (raft === undefined || raft.role !== 'leader' || raft.term <= this.#ledTerm) return;
    this.#ledTerm = raft.term;
    for (const listener of this.leaderListeners) listener();
  }

  /** A new machine with an empty disk. */
  addMachine(entrance: 'founding' | 'joining'): Machine {
    const id = ++this.#ids;
    const storage = new DiskModel({
      clock: this.clock,
      plan: this.plan.disk,
      dice: Dice.of(this.plan.seed, `disk ${id}`),
      done: (operation, path) => this.trace(machine.name, 'disk', `${operation} ${path}`),
      reserveSizeBytes: this.options.diskReserveSizeBytes,
      reserveTouched: () => this.fail(new Error(`${machine.name} takes the log's reserve for a snapshot`)),
    });
    const machine: Machine = new Machine(id, entrance, storage, {
      keySizeBytesMax: this.plan.chunkSizeBytes,
      flushKeysMax: this.plan.disk.flushKeysMax,
    });
    if (this.plan.upgradesLogs && this.#upgradeDice.chance(0.8)) {
      machine.logFormat = 1;
      machine.levels = oldBuild;
    }
    this.machines.push(machine);
    return machine;
  }

  find(id: MemberId): Machine | undefined {
    return this.machines.find((each) => each.id === id);
  }

  running(): Machine[] {
    return this.machines.filter((each) => each.running);
  }

  /** That of the newest term. */
  leader(): Machine | undefined {
    let leader: Machine | undefined;
    let term = 0;
    for (const machine of this.machines) {
      const raft = machine.running ? machine.parts.raft : undefined;
      if (raft === undefined || raft.role !== 'leader' || raft.term <= term) continue;
      leader = machine;
      term = raft.term;
    }
    return leader;
  }

  /** Nothing is to be expected of it: it will not run again, or the leader knows that it was removed. */
  isOut(machine: Machine): boolean {
    return machine.gone || this.leader()?.parts.machine.removedMembers().has(machine.id) === true;
  }

  /** Starts a process on the machine; it takes part once it has read its data folder. */
  start(machine: Machine): void {
    assert(machine.life === undefined, `${machine.name} runs already`);
    const number = ++machine.lives;
    if (number > 1 && this.#upgradeDice.chance(0.3)) machine.upgrade();
    const { driftMax, turnMsMax } = this.plan;
    const process = new Process(this.clock, {
      rate: 1 + driftMax * (this.dice.below(2001) / 1000 - 1),
      wallOffsetMs: this.dice.between(-1000, 1000),
      turnMs: turnMsMax === 0 ? () => 0 : () => this.dice.ms(0, turnMsMax),
      entered: () => this.#touch(machine),
    });
    const life: Life = {
      number,
      levels: machine.levels,
      process,
      peers: this.#peersOf(machine, process),
      parts: undefined,
      member: undefined,
      ended: new Set(),
    };
    machine.life = life;
    machine.storage.attach(machine.disk, machine.backend, process);
    this.trace(
      machine.name,
      'restart',
      `life ${number}, log format ${machine.logFormat}, levels ${levelsText(machine.levels)}`,
    );
    this.#run(machine, life).catch((error: unknown) => {
      if (machine.life === life) this.#endedByItself(machine, error);
    });
  }

  #peersOf(machine: Machine, process: Process): GatedPeers {
    const { id, name, address, levels } = machine;
    machine.startEpoch = nextStartEpoch(machine.startEpoch, process.wallMs(), this.#epochRandom);
    const { startEpoch } = machine;
    return new GatedPeers(
      new MemoryPeers(this.network, { clusterId, memberId: id, name, address, startEpoch }),
      process,
      (messages) => {
        for (const message of messages) {
          this.observer.sent(machine, message);
          if (this.tracing) this.trace(name, 'send', describeMessage(message));
        }
      },
      (error) => this.fail(error),
      (message) => asReadBy(levels, message),
      snapshotWays(this, machine, process),
    );
  }

  async #run(machine: Machine, life: Life): Promise<void> {
    const contacts = machine.entrance === 'joining' ? await join(this, machine, life.process) : [];
    if (life.process.ended) return;
    const opened = await this.open(machine, life, contacts, this.dice).catch((error: unknown) => {
      if (!life.process.ended) this.#checkClosed(machine);
      throw error;
    });
    if (machine.life !== life) return;
    const parts = { ...opened, peerOverrides: overridesFor(opened, this.machines) };
    life.parts = parts;
    if (machine.hollowLog) this.fail(new Error(`${machine.name} starts, and a part of its log is gone`));
    machine.rottenLog = false;
    this.observer.attach(machine, parts);
    this.snapshots.attach(machine, parts);
    this.compactions.attach(parts.machine, () => machine.compactions++);
    if (this.plan.disturbsHalfEntries) this.#disturbHalfEntries(machine, life, parts);
    const member = new RaftMember(parts);
    void member.stopped.then((reason) => {
      if (machine.life === life) this.#stopped(machine, reason);
    });
    member.onChange(() => {
      if (machine.entrance !== 'member' && member.holdsOwnRecord()) machine.entrance = 'member';
    });
    this.#flushRegularly(machine, life);
    if (machine.entrance === 'joining') this.#joinAgainLater(machine, life);
    await member.start();
    if (machine.life !== life) return;
    member.announce();
    life.member = member;
  }

  /** Reads the machine's data folder, or makes it. */
  open(
    machine: Machine,
    { process, peers }: { readonly process: Process; readonly peers: Peers },
    contacts: readonly MemberRecord[],
    dice: Dice,
  ): Promise<MemberParts> {
    const { id, name, address } = machine;
    return openParts({
      clusterId,
      secret: machine.secret,
      id,
      name,
      version: 'sim',
      clientAddress: `${name}:50051`,
      peerAddress: address,
      found: machine.entrance === 'founding',
      contacts,
      levels: machine.levels,
      options: this.options,
      walOptions: {
        segmentSizeBytes: dice.pick(this.plan.segmentSizesBytes),
        format: machine.logFormat,
      },
      disk: machine.disk,
      backend: machine.backend,
      peers,
      clock: process,
      stopWaiting: () => this.#mustEnd(machine, process),
      random: new Prng(dice.nextUint32()),
      log: this.#log(machine, process),
    });
  }

  /** It has begun to end. */
  #mustEnd(machine: Machine, process: Process): void {
    process.setTimer(endTimeoutMs, () => {
      this.fail(new Error(`${machine.name} has not ended in ${endTimeoutMs} ms`));
    });
  }

  /** As the server does: one that was let in and hears nothing starts again, and is told if it was removed since. */
  #joinAgainLater(machine: Machine, life: Life): void {
    life.process.setTimer(joinTimeoutMs, () => {
      if (machine.entrance !== 'joining') return;
      const isBroughtState = life.member !== undefined && life.member.missing === undefined;
      if (isBroughtState) this.#joinAgainLater(machine, life);
      else this.end(machine, 'kill');
    });
  }

  #disturbHalfEntries(machine: Machine, life: Life, parts: MemberParts): void {
    const dice = Dice.of(this.plan.seed, `half entries ${machine.name} ${life.number}`);
    disturbHalfEntries(parts, dice, () => {
      this.clock.setTimer(0, () => {
        if (machine.life === life && this.supervised) this.end(machine, 'kill');
      });
    });
  }

  #flushRegularly(machine: Machine, life: Life): void {
    const { flushIntervalMsMin, flushIntervalMsMax } = this.plan.disk;
    const { backend } = machine;
    life.process.setTimer(this.dice.ms(flushIntervalMsMin, flushIntervalMsMax), () => {
      if (backend.unflushedCommits === 0) {
        this.#flushRegularly(machine, life);
        return;
      }
      backend.flush().then(
        () => this.#flushRegularly(machine, life),
        () => {
          // Told through onFlushed.
        },
      );
    });
  }

  #log(machine: Machine, process: Process): Log {
    if (!this.tracing) return silentLog;
    const tell = (fields: Readonly<Record<string, unknown>>, message: string): void => {
      if (process.ended) return;
      // Stacks name files of this machine.
      const shown = JSON.stringify({ ...fields, error: undefined });
      this.trace(machine.name, 'log', shown === '{}' ? message : `${message} ${shown}`);
    };
    return { debug: tell, info: tell, warn: tell, error: tell };
  }

  #stopped(machine: Machine, reason: StopReason): void {
    if (reason.kind === 'failed') {
      this.#endedByItself(machine, reason.error);
      return;
    }
    this.#checkClosed(machine);
    if (reason.kind === 'removed') {
      this.trace(machine.name, 'log', 'was removed');
      this.#retire(machine);
    }
    this.end(machine, 'kill');
  }

  /** What a process that goes on would keep for ever, as one that embeds members does. */
  #checkClosed({ name, disk }: Machine): void {
    if (disk.openCount > 0)
      this.fail(new Error(`${name} has ended, and leaves ${disk.openCount} files open`));
  }

  /** It could not start, or stopped because of an error. */
  #endedByItself(machine: Machine, error: unknown): void {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.trace(machine.name, 'log', `ended by itself: ${text}`);
    if (error instanceof KvorumError && error.code === 'MEMBER_REMOVED') this.#retire(machine);
    else if (this.#isOutgrown(machine, error)) machine.upgrade();
    else if (isDamage(error) && machine.mayRefuseToStart) machine.lost = true;
    else if (!isInjected(error)) {
      this.fail(new Error(`${machine.name} ended by itself: ${text}`, { cause: error }));
    }
    this.end(machine, 'kill');
  }

  /** It was installed again, or for the first time, when the cluster went on without it: its operator makes that good. */
  #isOutgrown({ life }: Machine, error: unknown): boolean {
    const { raising, featureLevel } = this.observer;
    const isTold = error instanceof KvorumError && error.code === 'VERSION_MISMATCH';
    const isOld = life !== undefined && !knowsLevel(life.levels, comparisonsLevel);
    return isTold && isOld && (raising || featureLevel === comparisonsLevel);
  }

  /** It has ended for good, and must have been removed for that. */
  #retire(machine: Machine): void {
    machine.retired = true;
    if (this.membershipCalls.isRemoved(machine.id)) return;
    this.fail(new Error(`${machine.name} takes itself for removed, and was not`));
  }

  /** Ends the process. */
  end(machine: Machine, how: Ending): void {
    const { life } = machine;
    assert(life !== undefined, `${machine.name} runs`);
    const ending = machine.lying ? 'kill' : how;
    this.trace(machine.name, 'crash', ending);
    machine.ended();
    life.process.end();
    this.observer.flushed(machine);
    const { unflushedCommits } = machine.backend;
    machine.backend = machine.backend.crash(this.dice.below(unflushedCommits + 1));
    machine.disk = ending === 'kill' ? machine.disk.kill() : machine.disk.crash(this.dice);
    machine.disk.capacityBytes = machine.capacityBytes;
    machine.disk.lies = machine.lying;
    void life.peers.close();
    for (const ended of life.ended) ended();
    if (this.supervised) this.startLater(machine, this.dice.ms(0, 1500));
  }

  /** Somebody starts it again, if nobody has until then. */
  startLater(machine: Machine, delayMs: number): void {
    this.clock.setTimer(delayMs, () => {
      if (machine.startable && this.supervised) this.start(machine);
    });
  }
}

/** As an operator names them to a member that comes back and does not know where the others have gone. */
function overridesFor({ machine }: MemberParts, machines: readonly Machine[]): ReadonlyMap<string, string> {
  const moved = machines.filter(({ id, address }) =>
    machine.members().some((each) => each.id === id && each.peerAddress !== address),
  );
  return new Map(moved.map(({ name, address }) => [name, address]));
}

/** Rows of keys as long as LMDB takes are several short ones' work. */
function rowUnits({ clients, chunkSizeBytes }: Plan): number {
  return clients.alphabet === 'long' && chunkSizeBytes > 1000 ? 24 : 1;
}

function isInjected(error: unknown): boolean {
  if (error instanceof KvorumError && error.code === 'STORAGE_FAILED') return isInjected(error.cause);
  if (!(error instanceof DiskError)) return false;
  return error.reason === 'full' || error.message.includes(injectedError);
}
