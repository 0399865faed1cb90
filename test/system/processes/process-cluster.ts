import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { connect, type KvorumClient } from '../../../src/client/index.js';
import { ownLoopback } from '../../../src/testing/own-loopback.js';
import type { Caller } from '../history/load.js';
import { callTimeoutMs, ClusterMember, type MemberSetup } from './cluster-member.js';
import { within } from './deadline.js';
import type { Launch } from './member-process.js';

export interface ClusterSetup {
  /** Members that run at the start; 0: the test starts them. */
  readonly size: number;
  /** Of `serve`, for every member. */
  readonly flags?: readonly string[];
  /** How each member is started. */
  readonly launch?: Launch;
}

/** A cluster of real processes, in a temporary folder. */
export class ProcessCluster {
  readonly folder: string;
  readonly members: ClusterMember[] = [];
  readonly #flags: readonly string[];
  readonly #launch: Launch | undefined;
  readonly #clients: KvorumClient[] = [];

  private constructor(folder: string, { flags, launch }: ClusterSetup) {
    this.folder = folder;
    this.#flags = flags ?? [];
    this.#launch = launch;
  }

  /** Gives `body` a cluster whose members all vote. Ends it; shows the members' logs if `body` failed. */
  static async run(
    t: Pick<TestContext, 'diagnostic'>,
    setup: ClusterSetup,
    body: (cluster: ProcessCluster) => Promise<void>,
  ): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'kvorum-system-'));
    const cluster = new ProcessCluster(folder, setup);
    try {
      for (let at = 1; at <= setup.size; at++) cluster.add(`node${at}`);
      if (setup.size > 0) await cluster.found();
      await body(cluster);
    } catch (error) {
      cluster.tell(t);
      throw error;
    } finally {
      await cluster.#close();
    }
  }

  /** Starts the members that were added so far: the first founds the cluster, the others join it. */
  async found(): Promise<void> {
    const [founder, ...others] = this.members as [ClusterMember, ...ClusterMember[]];
    await founder.start('-bootstrap');
    await Promise.all(others.map((each) => each.start(`-join=${founder.endpoint}`)));
    await this.voters(founder, this.members.length);
  }

  /** Waits until `member` has applied a configuration of `count` voters and no learner. */
  async voters(member: ClusterMember, count: number): Promise<void> {
    const { log, name } = member.process;
    await within(
      `${count} voters at ${name}`,
      log.wait(({ msg, voters, learners }) => {
        const counts = [voters, learners].map((each) => (Array.isArray(each) ? each.length : -1));
        return msg === 'members are' && counts[0] === count && counts[1] === 0;
      }),
    );
  }

  /** A further member, not started yet. */
  add(name: string, given: Partial<MemberSetup> = {}): ClusterMember {
    const host = ownLoopback();
    const launched = this.#launch === undefined ? {} : { launch: this.#launch };
    const member = new ClusterMember({
      name,
      folder: this.folder,
      host,
      flags: this.#flags,
      ...launched,
      ...given,
    });
    this.members.push(member);
    return member;
  }

  member(name: string): ClusterMember {
    return this.members.find((each) => each.name === name && each.isRunning)!;
  }

  get endpoints(): readonly string[] {
    return this.members.filter((each) => each.isRunning).map((each) => each.endpoint);
  }

  /** A client that knows all members that run now. Closed with the cluster. @param first where in their list it begins */
  client(first = 0, timeoutMs = callTimeoutMs): KvorumClient {
    const { endpoints } = this;
    const begin = first % endpoints.length;
    const rotated = [...endpoints.slice(begin), ...endpoints.slice(0, begin)];
    const client = connect({ endpoints: rotated, timeoutMs });
    this.#clients.push(client);
    return client;
  }

  /** Clients that begin at different members. */
  callers(count: number, timeoutMs = callTimeoutMs): Caller[] {
    return Array.from({ length: count }, (_, at) => ({ name: `c${at}`, client: this.client(at, timeoutMs) }));
  }

  /** Who leads, by a linearizable look. */
  async leader(client: KvorumClient): Promise<ClusterMember> {
    const { members } = await client.members();
    return this.member(members.find(({ leader }) => leader)!.name);
  }

  /** Shows the members' logs. */
  tell(t: Pick<TestContext, 'diagnostic'>): void {
    for (const line of this.#lastLines()) t.diagnostic(line);
  }

  #lastLines(): readonly string[] {
    const lines = this.members.flatMap(({ name, lives }) => lives.flatMap(({ log }) => log.shown(name)));
    return lines.sort((left, right) => left.time - right.time).map(({ line }) => line);
  }

  async #close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await Promise.all(this.members.map((each) => each.close()));
    await rm(this.folder, { recursive: true, force: true });
  }
}
