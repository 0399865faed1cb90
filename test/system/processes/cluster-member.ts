import { join } from 'node:path';
import { parseHostPort } from '../../../src/base/address.js';
import { connect, type KvorumClient } from '../../../src/client/index.js';
import { MemberProcess, type Exit, type Launch } from './member-process.js';

/** Of clients that nothing else is asked of: an answer takes longer only if it never comes. */
export const callTimeoutMs = 20_000;

export interface MemberSetup {
  readonly name: string;
  readonly folder: string;
  readonly host: string;
  /** Of `serve`, at each start. */
  readonly flags: readonly string[];
  readonly launch?: Launch;
}

/** A member of a cluster through all its lives: its folder and its ports stay the same. */
export class ClusterMember {
  readonly name: string;
  readonly dataDir: string;
  readonly #setup: MemberSetup;
  readonly #lives: MemberProcess[] = [];
  readonly #clients: KvorumClient[] = [];
  #ports: readonly string[] = ['-grpcport=0', '-raftport=0'];
  #grpcAddress = '';
  raftAddress = '';

  constructor(setup: MemberSetup) {
    this.#setup = setup;
    this.name = setup.name;
    this.dataDir = join(setup.folder, setup.name);
  }

  /** The process that was started last. */
  get process(): MemberProcess {
    return this.#lives.at(-1)!;
  }

  get lives(): readonly MemberProcess[] {
    return this.#lives;
  }

  get isRunning(): boolean {
    return this.#lives.at(-1)?.isRunning === true;
  }

  /** host:port for clients. */
  get endpoint(): string {
    return this.#grpcAddress;
  }

  /** Starts the process; does not wait until it serves. @param flags for this start only */
  launch(...flags: readonly string[]): MemberProcess {
    const { name, host } = this.#setup;
    const own = [`-id=${name}`, `-host=${host}`, `-data-dir=${this.dataDir}`, ...this.#ports];
    const process = new MemberProcess(name, [...own, ...this.#setup.flags, ...flags], this.#setup.launch);
    this.#lives.push(process);
    return process;
  }

  /** Starts the process and waits until it serves. */
  async start(...flags: readonly string[]): Promise<MemberProcess> {
    const process = this.launch(...flags);
    const { grpc, raft } = await process.event('member is up');
    this.#grpcAddress = String(grpc);
    this.raftAddress = String(raft);
    this.#ports = [this.#grpcAddress, this.raftAddress].map(
      (address, at) => `${at === 0 ? '-grpcport' : '-raftport'}=${parseHostPort('address', address).port}`,
    );
    return process;
  }

  /** A client that knows this member only. Closed with the cluster. */
  client(timeoutMs = callTimeoutMs): KvorumClient {
    const client = connect({ endpoints: this.#grpcAddress, timeoutMs });
    this.#clients.push(client);
    return client;
  }

  /** kill -9. */
  async crash(): Promise<void> {
    this.process.signal('SIGKILL');
    await this.process.ended();
  }

  /** Asks it to stop. */
  async stop(): Promise<Exit> {
    this.process.signal('SIGTERM');
    return await this.process.ended();
  }

  pause(): void {
    this.process.signal('SIGSTOP');
  }

  resume(): void {
    this.process.signal('SIGCONT');
  }

  /** Ends what is left. */
  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    if (this.isRunning) await this.crash();
  }
}
