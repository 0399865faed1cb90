import { assert } from '../../base/assert.js';
import { emptyBytes } from '../../base/bytes.js';
import { KvorumError } from '../../base/errors.js';
import { knownLevels, type LevelRange } from '../../base/feature-levels.js';
import type { MemberId } from '../../base/ids.js';
import { silentLog, type Log } from '../../base/log.js';
import { Prng, randomInt } from '../../base/prng.js';
import { MemoryNetwork, perfectNetwork, type NetworkConditions } from '../../peer/memory-network.js';
import { MemoryPeers } from '../../peer/memory-peers.js';
import type { Clock, Timer } from '../../ports/clock.js';
import type { Peers } from '../../ports/peers.js';
import { VirtualClock } from '../../ports/virtual-clock.js';
import { MemoryBackend } from '../../storage/backend/memory-backend.js';
import { nextStartEpoch } from '../../storage/data-folder/identity.js';
import { DescriptorWait } from '../../storage/disk/descriptor-wait.js';
import { MemoryDisk } from '../../storage/disk/memory-disk.js';
import { PatientDisk } from '../../storage/disk/patient-disk.js';
import type { MemberRecord } from '../../fsm/members/membership.js';
import { openMember, openParts, type OpenMember } from '../open.js';
import { memberDefaults, type MemberOptions } from '../options.js';
import type { MemberParts, StopReason } from '../parts.js';
import type { RaftMember } from '../raft-member.js';

export const testClusterId = 77n;
const testSecret = new Uint8Array(32).fill(9);
const flushIntervalMs = 50;
/** Of the log: what a segment of the usual size costs, a disk in memory pays each time one is begun. */
const segmentSizeBytes = 64 * 1024;

/** The clock of one life of a process: after its end nothing is called any more. */
class LifeClock implements Clock {
  readonly #clock: Clock;
  ended = false;
  /** As long as the process is paused: what became due. */
  #held: (() => void)[] | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    let cancelled = false;
    const call = (): void => {
      if (!this.ended && !cancelled) callback();
    };
    const timer = this.#clock.setTimer(delayMs, () => {
      if (this.#held === undefined) call();
      else this.#held.push(call);
    });
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  /** No timer fires until resume(). */
  pause(): void {
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const call of held) call();
  }

  nextTurn(callback: () => void): void {
    this.#clock.nextTurn(() => {
      if (!this.ended) callback();
    });
  }
}

interface Life {
  readonly clock: LifeClock;
  readonly member: RaftMember;
  readonly peers: MemoryPeers;
  stopped: StopReason | undefined;
}

/** A machine with a data folder, and the member that runs on it, if any. */
export class Machine {
  readonly name: string;
  readonly id: MemberId;
  /** Another one from the next start on, if it is changed. */
  address: string;
  disk = new MemoryDisk();
  backend = new MemoryBackend();
  /** Of the cluster, once it is known. */
  secret: Uint8Array = emptyBytes;
  life: Life | undefined;
  /** As its data folder says. */
  startEpoch = 0;
  /** Of the version that is installed there. */
  levels: LevelRange = knownLevels;
  levelHeldMax = Infinity;

  constructor(name: string, id: MemberId, address: string) {
    this.name = name;
    this.id = id;
    this.address = address;
  }

  /** The running member. */
  get member(): RaftMember {
    assert(this.life !== undefined, `${this.name} does not run`);
    return this.life.member;
  }

  get running(): boolean {
    return this.life !== undefined && this.life.stopped === undefined;
  }
}

/** Whole members over a network, disks and state in memory, in virtual time, all chance from one seed. */
export class MemoryCluster {
  readonly seed: number;
  readonly clock = new VirtualClock();
  readonly random: Prng;
  readonly network: MemoryNetwork;
  readonly machines: Machine[] = [];
  readonly options: MemberOptions;
  readonly #epochRandom: Prng;
  /** Everything that the members tell, with their name and the time. */
  readonly events: string[] = [];

  constructor(seed: number, options: Partial<MemberOptions> = {}, network: Partial<NetworkConditions> = {}) {
    this.seed = seed;
    this.random = new Prng(seed);
    this.network = new MemoryNetwork(this.clock, new Prng(seed + 1), {
      latencyMsMin: 0.1,
      latencyMsMax: 2,
      ...network,
    });
    this.options = { ...memberDefaults, ...options };
    this.#epochRandom = new Prng(seed + 3);
  }

  /** A founder and `count - 1` others that have joined and are voters. */
  static async of(
    count: number,
    seed: number,
    options: Partial<MemberOptions> = {},
    network: Partial<NetworkConditions> = {},
  ): Promise<MemoryCluster> {
    const cluster = new MemoryCluster(seed, options, network);
    const founder = cluster.machine();
    await cluster.start(founder, { found: true });
    await cluster.until(() => founder.member.status().role === 'leader');
    for (let at = 1; at < count; at++) await cluster.join(cluster.machine(), founder);
    await cluster.until(
      () => cluster.leader()?.status().appliedIndex !== undefined && cluster.allVoters(count),
    );
    return cluster;
  }

  allVoters(count: number): boolean {
    return this.machines.every((each) => {
      const config = each.life?.member.config;
      return config?.voters.length === count && config.learners.length === 0;
    });
  }

  /** A new machine with an empty disk. */
  machine(): Machine {
    const at = this.machines.length + 1;
    const machine = new Machine(`n${at}`, BigInt(100 + at), `n${at}:60051`);
    this.machines.push(machine);
    return machine;
  }

  #log(machine: Machine): Log {
    const tell = (fields: object, message: string): void => {
      const shown = JSON.stringify(fields, (_, value: unknown) =>
        typeof value === 'bigint' ? `${value}` : value,
      );
      this.events.push(`${this.clock.monotonicMs().toFixed(1)} ${machine.name} ${message} ${shown}`);
    };
    return { ...silentLog, info: tell, warn: tell, error: tell };
  }

  async start(
    machine: Machine,
    how: {
      found?: boolean;
      contacts?: readonly MemberRecord[];
      secret?: Uint8Array;
      peerOverrides?: ReadonlyMap<string, string>;
      /** false: clients are not served yet. */
      announced?: boolean;
    } = {},
  ): Promise<RaftMember> {
    if (how.found === true) machine.secret = testSecret;
    if (how.secret !== undefined) machine.secret = how.secret;
    const clock = new LifeClock(this.clock);
    machine.startEpoch = nextStartEpoch(machine.startEpoch, clock.wallMs(), this.#epochRandom);
    const peers = this.#peers(machine, this.network);
    const { found = false, contacts = [], peerOverrides = new Map<string, string>() } = how;
    const opening = { ...this.#opening(machine, clock, peers), found, contacts, peerOverrides };
    const member = await this.settled(openMember(opening)).catch((error: unknown) => {
      this.#checkClosed(machine);
      throw error;
    });
    const life: Life = { clock, member, peers, stopped: undefined };
    machine.life = life;
    void member.stopped.then((reason) => {
      life.stopped = reason;
    });
    this.#flushRegularly(machine, life);
    await this.settled(member.start());
    if (how.announced !== false) member.announce();
    return member;
  }

  #peers({ id, name, address, secret, startEpoch }: Machine, network: MemoryNetwork): MemoryPeers {
    const identity = { clusterId: testClusterId, memberId: id, name, address, startEpoch };
    return new MemoryPeers(network, identity, secret);
  }

  #opening(machine: Machine, clock: Clock, peers: Peers): OpenMember {
    const { id, name, address, secret, levels, levelHeldMax, disk, backend } = machine;
    const log = this.#log(machine);
    const descriptors = new DescriptorWait(clock, log);
    return {
      clusterId: testClusterId,
      secret,
      id,
      name,
      version: 'test',
      clientAddress: `${name}:50051`,
      peerAddress: address,
      found: false,
      contacts: [],
      levels,
      levelHeldMax,
      options: this.options,
      walOptions: { segmentSizeBytes },
      disk: new PatientDisk(disk, descriptors),
      backend,
      peers,
      stopWaiting: () => descriptors.end(),
      clock,
      random: new Prng(this.random.nextUint32()),
      log,
    };
  }

  /** What a start would find on a machine that does not run. Nothing of it is started. */
  openApart(machine: Machine): Promise<MemberParts> {
    assert(machine.life === undefined, `${machine.name} runs`);
    const network = new MemoryNetwork(this.clock, new Prng(this.seed + 2), perfectNetwork);
    return this.settled(openParts(this.#opening(machine, this.clock, this.#peers(machine, network))));
  }

  #flushRegularly(machine: Machine, life: Life): void {
    const backend = machine.backend;
    life.clock.setTimer(flushIntervalMs, () => {
      backend.flush().then(
        () => this.#flushRegularly(machine, life),
        () => {
          // Told through onFlushed; or the member has ended.
        },
      );
    });
  }

  /** Lets `machine` join through `through`, and waits until its state names it. */
  async join(machine: Machine, through: Machine): Promise<void> {
    const { id, name, address, levels } = machine;
    const request = { id, name, peerAddress: address, levels };
    const answer = await this.settled(through.member.join(request));
    await this.start(machine, { contacts: answer.members, secret: answer.secret });
    await this.until(() => machine.member.holdsOwnRecord());
  }

  /** Power loss: what was not synced may be gone. */
  crash(machine: Machine): void {
    const { life } = machine;
    assert(life !== undefined, `${machine.name} does not run`);
    life.clock.ended = true;
    void life.peers.close();
    machine.disk = machine.disk.crash(this.random);
    const { unflushedCommits } = machine.backend;
    machine.backend = machine.backend.crash(randomInt(this.random, unflushedCommits + 1));
    machine.life = undefined;
  }

  /** A machine with a copy of the data folder of one that does not run. It is none of `machines`. */
  copyOf(machine: Machine, address: string): Machine {
    assert(machine.life === undefined, `${machine.name} runs`);
    const copy = new Machine(machine.name, machine.id, address);
    const { disk, backend } = machine;
    [copy.disk, machine.disk] = [disk.crash(this.random), disk.crash(this.random)];
    [copy.backend, machine.backend] = [backend.crash(0), backend.crash(0)];
    copy.secret = machine.secret;
    copy.startEpoch = machine.startEpoch;
    return copy;
  }

  /** Asks the member to stop, and waits until it has. */
  async stop(machine: Machine): Promise<void> {
    await this.settled(machine.member.stop());
    this.#checkClosed(machine);
    machine.backend = machine.backend.crash(machine.backend.unflushedCommits);
    machine.disk = machine.disk.crash(this.random);
    machine.life = undefined;
  }

  #checkClosed({ name, disk }: Machine): void {
    assert(disk.openCount === 0, `${name} leaves ${disk.openCount} files open`);
  }

  leader(): RaftMember | undefined {
    const leaders = this.machines.flatMap((each) =>
      each.running && each.member.status().role === 'leader' ? [each.member] : [],
    );
    return leaders.sort((left, right) => right.status().term - left.status().term)[0];
  }

  leaderMachine(): Machine {
    const leader = this.leader();
    const machine = this.machines.find((each) => each.life?.member === leader);
    assert(leader !== undefined && machine !== undefined, 'there is no leader');
    return machine;
  }

  followers(): Machine[] {
    const leader = this.leaderMachine();
    return this.machines.filter((each) => each !== leader && each.running);
  }

  /** Lets virtual time pass until `condition` holds. */
  async until(condition: () => boolean, timeoutMs = 30_000): Promise<void> {
    const deadline = this.clock.monotonicMs() + timeoutMs;
    while (!condition()) {
      if (this.clock.monotonicMs() >= deadline) {
        const recent = this.events.slice(-40).join('\n');
        throw new Error(`not reached within ${timeoutMs} ms (seed ${this.seed})\n${recent}`);
      }
      await this.clock.advanceAsync(5);
    }
  }

  /** Lets virtual time pass until `promise` settles. */
  async settled<T>(promise: Promise<T>, timeoutMs = 60_000): Promise<T> {
    let done = false;
    const end = (): void => {
      done = true;
    };
    promise.then(end, end);
    await this.until(() => done, timeoutMs);
    return promise;
  }

  /** The code with which `promise` rejects. */
  async refusal(promise: Promise<unknown>): Promise<string> {
    try {
      await this.settled(promise);
    } catch (error) {
      if (error instanceof KvorumError) return error.code;
      throw error;
    }
    throw new Error('it was not refused');
  }
}
