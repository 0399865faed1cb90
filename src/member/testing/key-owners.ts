import { KvorumError } from '../../base/errors.js';
import { randomInt } from '../../base/prng.js';
import { get, put } from './key-values.js';
import type { Machine, MemoryCluster } from './memory-cluster.js';

/**
 * One key that one writer counts up: whoever reads it knows what the least is that must be seen. A write whose
 * outcome is unknown may still take effect behind the next one, so it is the last of its key.
 */
interface OwnedKey {
  readonly key: string;
  /** The last number whose write was begun. */
  begun: number;
  /** The last number that was acknowledged. */
  acknowledged: number;
  /** The highest number that a finished read has seen. */
  seen: number;
  writing: boolean;
}

/**
 * Writers and readers with one rule for linearizability that is checked as it goes: a read returns at least what
 * was acknowledged or seen before it began, and nothing that was not begun before it ended.
 */
export class KeyOwners {
  readonly #cluster: MemoryCluster;
  /** Those that are written and read. */
  readonly #keys: OwnedKey[] = [];
  /** Those whose last write has an unknown outcome. */
  readonly #left: OwnedKey[] = [];
  writes = 0;
  reads = 0;
  unknown = 0;

  constructor(cluster: MemoryCluster, keyCount: number) {
    this.#cluster = cluster;
    for (let at = 0; at < keyCount; at++) this.#begin(at);
  }

  #begin(at: number): void {
    const key = `key-${this.#keys.length + this.#left.length}`;
    this.#keys[at] = { key, begun: 0, acknowledged: 0, seen: 0, writing: false };
  }

  /** Begins a call or two at random members. */
  act(): void {
    const running = this.#cluster.machines.filter((each) => each.running);
    if (running.length === 0) return;
    const { random } = this.#cluster;
    const machine = running[randomInt(random, running.length)]!;
    const owned = this.#keys[randomInt(random, this.#keys.length)]!;
    if (randomInt(random, 2) === 0) void this.#read(machine, owned);
    else if (!owned.writing) void this.#write(machine, owned);
  }

  async #write(machine: Machine, owned: OwnedKey): Promise<void> {
    owned.writing = true;
    const number = ++owned.begun;
    try {
      await put(machine.member, owned.key, String(number), { timeoutMs: 3000 });
      owned.acknowledged = number;
      this.writes++;
    } catch (error) {
      this.#expected(error);
      this.unknown++;
      this.#left.push(owned);
      this.#begin(this.#keys.indexOf(owned));
    } finally {
      owned.writing = false;
    }
  }

  async #read(machine: Machine, owned: OwnedKey): Promise<void> {
    const least = Math.max(owned.acknowledged, owned.seen);
    try {
      const value = Number((await get(machine.member, owned.key, { timeoutMs: 3000 })) ?? 0);
      this.#check(owned, value, least, machine.name);
      owned.seen = Math.max(owned.seen, value);
      this.reads++;
    } catch (error) {
      this.#expected(error);
    }
  }

  #check(owned: OwnedKey, value: number, least: number, where: string): void {
    if (value < least || value > owned.begun) {
      this.failure ??= new Error(
        `${owned.key} at ${where} is ${value}: at least ${least} and at most ${owned.begun} were expected`,
      );
    }
  }

  /** The first thing that must not happen. */
  failure: Error | undefined;

  #expected(error: unknown): void {
    if (error instanceof KvorumError && error.code !== 'INTERNAL') return;
    this.failure ??= error instanceof Error ? error : new Error(String(error));
  }

  /** Reads every key at every member. */
  async checkAll(): Promise<void> {
    for (const machine of this.#cluster.machines.filter((each) => each.running)) {
      for (const owned of [...this.#keys, ...this.#left]) {
        const least = Math.max(owned.acknowledged, owned.seen);
        const value = Number((await this.#cluster.settled(get(machine.member, owned.key))) ?? 0);
        this.#check(owned, value, least, machine.name);
      }
    }
    if (this.failure !== undefined) throw this.failure;
  }
}
