import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from './free-ports.js';
import { until } from './until.js';
import { ServerProcess } from './server-process.js';
import { endpointOf, type MemberPlan, type MemberState, type System } from './system.js';

const settleTimeoutMs = 60_000;
const cleanEndTimeoutMs = 30_000;

export interface ClusterMember {
  readonly plan: MemberPlan;
  readonly endpoint: string;
  process: ServerProcess;
}

/** Real processes of one system, in a temporary folder and on free ports. */
export class Cluster {
  readonly system: System;
  readonly members: ClusterMember[] = [];
  readonly #folder: string;

  private constructor(system: System, folder: string) {
    this.system = system;
    this.#folder = folder;
  }

  /** @returns when all members follow one leader */
  static async start(system: System, count: number): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), `kvorum-bench-${system.name.replaceAll(/\W/g, '-')}-`));
    const cluster = new Cluster(system, folder);
    try {
      const plans: MemberPlan[] = [];
      for (let at = 1; at <= count; at++) plans.push(await cluster.#plan(at, false));
      for (const plan of plans) {
        cluster.#launch(plan, plans);
        if (!system.foundsTogether) await cluster.settled();
      }
      await cluster.settled();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  async #plan(at: number, joins: boolean): Promise<MemberPlan> {
    const name = `node${at}`;
    const [clientPort, peerPort] = await freePorts(2);
    await mkdir(join(this.#folder, name));
    return {
      name,
      folder: join(this.#folder, name, 'data'),
      clientPort: clientPort!,
      peerPort: peerPort!,
      joins,
    };
  }

  #launch(plan: MemberPlan, plans: readonly MemberPlan[]): void {
    const program = this.system.program(plan, plans);
    const process = new ServerProcess(program, `${plan.folder}.log`);
    const member = this.members.find((each) => each.plan === plan);
    if (member === undefined) this.members.push({ plan, endpoint: endpointOf(plan), process });
    else member.process = process;
  }

  /** Starts a member that has ended, with its data. Does not wait until it serves. */
  restart(member: ClusterMember): void {
    this.#launch(
      member.plan,
      this.members.map((each) => each.plan),
    );
  }

  /** Adds a member with an empty folder. Does not wait until it has caught up. */
  async grow(): Promise<ClusterMember> {
    const plan = await this.#plan(this.members.length + 1, true);
    const { endpoint } = await this.leader();
    await this.system.admit(endpoint, plan);
    this.#launch(plan, [...this.members.map((each) => each.plan), plan]);
    return this.members.at(-1)!;
  }

  /** Resolves when all members follow one leader, and have applied the same. */
  async settled(): Promise<void> {
    await until(`${this.system.name} to settle`, settleTimeoutMs, async () => {
      for (const { process, plan } of this.members) {
        if (!process.running)
          throw new Error(`${this.system.name}'s ${plan.name} ended: ${process.lastOutput}`);
      }
      const states = await this.#states();
      const first = states[0];
      return (
        first !== undefined &&
        states.length === this.members.length &&
        states.every(
          (state) => state.voter && state.leaderId === first.leaderId && state.revision === first.revision,
        ) &&
        states.some((state) => state.id === first.leaderId)
      );
    });
  }

  async #states(): Promise<MemberState[]> {
    const asked = await Promise.allSettled(this.members.map(({ endpoint }) => this.system.state(endpoint)));
    return asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  }

  async leader(): Promise<ClusterMember> {
    for (const member of this.members) {
      const state = await this.system.state(member.endpoint);
      if (state.id === state.leaderId) return member;
    }
    throw new Error(`${this.system.name} has no leader`);
  }

  async followers(): Promise<ClusterMember[]> {
    const leader = await this.leader();
    return this.members.filter((member) => member !== leader);
  }

  /** Of all members together, since they began. */
  get cpuSeconds(): number {
    return this.members.reduce((sum, { process }) => sum + process.cpuSeconds, 0);
  }

  /** Ends the members and removes their data. */
  async stop(): Promise<void> {
    if (this.system.endsCleanly) {
      const ended = Promise.all(this.members.map(({ process }) => process.kill('SIGTERM')));
      await Promise.race([ended, delay(cleanEndTimeoutMs, undefined, { ref: false })]);
    }
    await Promise.all(this.members.map(({ process }) => process.kill('SIGKILL')));
    this.system.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
