import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { assert } from '../../base/assert.js';
import { knownLevels } from '../../base/feature-levels.js';
import type { MemberId } from '../../base/ids.js';
import { silentLog } from '../../base/log.js';
import { Prng } from '../../base/prng.js';
import type { MemberRecord } from '../../fsm/members/membership.js';
import { TcpPeers } from '../../peer/tcp-peers.js';
import type { ProtocolVersions } from '../../peer/protocol-versions.js';
import { ThrottlingProxy } from '../../peer/testing/throttling-proxy.js';
import { RealClock } from '../../ports/real-clock.js';
import { MemoryBackend } from '../../storage/backend/memory-backend.js';
import { DescriptorWait } from '../../storage/disk/descriptor-wait.js';
import { MemoryDisk } from '../../storage/disk/memory-disk.js';
import { PatientDisk } from '../../storage/disk/patient-disk.js';
import { openMember } from '../open.js';
import { memberDefaults, type MemberOptions } from '../options.js';
import type { RaftMember } from '../raft-member.js';
import { testClusterId } from './memory-cluster.js';

const secret = new Uint8Array(32).fill(9);
const flushIntervalMs = 50;

interface Seat {
  readonly id: MemberId;
  readonly member: RaftMember;
  readonly proxy: ThrottlingProxy;
  readonly flushing: NodeJS.Timeout;
}

/**
 * Members over sockets, in real time, each behind a link whose bandwidth can be set. Disks and state are in memory: it is
 * the links that matter.
 */
export class TcpCluster {
  readonly #seats: Seat[] = [];
  readonly #options: MemberOptions;
  readonly #versions: ProtocolVersions | undefined;

  private constructor(options: Partial<MemberOptions>, versions: ProtocolVersions | undefined) {
    this.#options = { ...memberDefaults, ...options };
    this.#versions = versions;
  }

  static async of(
    count: number,
    options: Partial<MemberOptions> = {},
    versions?: ProtocolVersions,
  ): Promise<TcpCluster> {
    const cluster = new TcpCluster(options, versions);
    await cluster.#start(await ThrottlingProxy.listen(), { found: true, contacts: [] });
    const founder = cluster.member(0);
    await until(founder, () => founder.status().role === 'leader');
    for (let at = 1; at < count; at++) {
      const proxy = await ThrottlingProxy.listen();
      const request = { id: idOf(at), name: nameOf(at), peerAddress: proxy.address, levels: knownLevels };
      const { members } = await founder.join(request);
      await cluster.#start(proxy, { found: false, contacts: members });
      await until(founder, () => founder.config.voters.length === at + 1);
    }
    return cluster;
  }

  async #start(
    proxy: ThrottlingProxy,
    how: { readonly found: boolean; readonly contacts: readonly MemberRecord[] },
  ): Promise<void> {
    const at = this.#seats.length;
    const [clock, random, id, name] = [new RealClock(), new Prng(at + 1), idOf(at), nameOf(at)];
    const { address } = proxy;
    const descriptors = new DescriptorWait(clock, silentLog);
    // Listened on before anybody calls: a call that fails is made again only after a while.
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy.leadTo((server.address() as AddressInfo).port);
    const peers = new TcpPeers({
      ...{ identity: { clusterId: testClusterId, memberId: id, name, address }, secret },
      ...{ listenHost: '127.0.0.1', listenPort: 0, reserved: { take: () => server }, random, clock },
      log: silentLog,
      ...(this.#versions === undefined ? {} : { versions: this.#versions }),
    });
    const backend = new MemoryBackend();
    const member = await openMember({
      ...{ clusterId: testClusterId, secret, id, name, version: 'test', ...how, options: this.#options },
      ...{ clientAddress: `${name}:50051`, peerAddress: address },
      ...{ disk: new PatientDisk(new MemoryDisk(), descriptors), backend, peers, clock, random },
      log: silentLog,
    });
    await member.start();
    member.announce();
    // A member that has ended says so itself.
    const flushing = setInterval(() => void backend.flush().catch(() => {}), flushIntervalMs);
    this.#seats.push({ id, member, proxy, flushing });
  }

  member(at: number): RaftMember {
    const seat = this.#seats[at];
    assert(seat !== undefined, `there is no member ${at}`);
    return seat.member;
  }

  get members(): readonly RaftMember[] {
    return this.#seats.map(({ member }) => member);
  }

  get terms(): readonly number[] {
    return this.members.map((member) => member.status().term);
  }

  /** Of each direction of each connection. */
  setBandwidth(bytesPerSecond: number): void {
    for (const { proxy } of this.#seats) proxy.bytesPerSecond = bytesPerSecond;
  }

  /** All connections end, and are made anew. */
  cutLinks(): void {
    for (const { proxy } of this.#seats) proxy.cut();
  }

  async close(): Promise<void> {
    this.setBandwidth(Infinity);
    for (const { flushing } of this.#seats) clearInterval(flushing);
    for (const { member } of [...this.#seats].reverse()) await member.stop();
    for (const { proxy } of this.#seats) await proxy.close();
  }
}

function idOf(at: number): MemberId {
  return BigInt(101 + at);
}

function nameOf(at: number): string {
  return `n${at + 1}`;
}

function until(member: RaftMember, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!condition()) return;
      end();
      resolve();
    };
    const end = member.onChange(look);
    look();
  });
}
