import { sameLevels, type LevelRange } from '../base/feature-levels.js';
import type { MemberId } from '../base/ids.js';
import type { Command, CommandResult } from '../fsm/command.js';
import type { MemberRecord } from '../fsm/members/membership.js';
import type { PeerAddress } from '../ports/peers.js';
import { MovedMembers } from './moved-members.js';
import type { MemberParts } from './parts.js';

/**
 * Makes this member's name, addresses and feature levels known to the cluster once it is up, and keeps them true
 * after a move and after another version was installed. A
 * member without a client address has never been up: it is not promoted, and a start that fails leaves no voter behind.
 */
export class Publication {
  readonly #parts: MemberParts;
  readonly #write: (command: Command) => Promise<CommandResult>;
  readonly #moved: MovedMembers;
  #announced = false;
  #underWay = false;
  /** Who has this member's Raft address in the table, as it was told. */
  #toldHolder = '';

  constructor(parts: MemberParts, write: (command: Command) => Promise<CommandResult>) {
    this.#parts = parts;
    const { electionTimeoutMs, heartbeatIntervalMs } = parts.options;
    this.#moved = new MovedMembers(Math.ceil((2 * electionTimeoutMs) / heartbeatIntervalMs));
    this.#write = write;
  }

  /** This member is up. */
  announce(): void {
    this.#announced = true;
  }

  tick(): void {
    const { machine, id, raft, log } = this.#parts;
    if (!this.#announced || this.#underWay || raft.leader === 0n) return;
    const record = machine.members().find((each) => each.id === id);
    const moved = this.#moved.tick(this.#parts.peers.elsewhere());
    const command = record && (this.#profile(record) ?? this.#place(record) ?? this.#placeOfOther(moved));
    if (command === undefined) return;
    this.#underWay = true;
    this.#write(command)
      .catch((error: unknown) => {
        log.debug(
          { reason: error instanceof Error ? error.message : String(error) },
          'publishing again later',
        );
      })
      .finally(() => {
        this.#underWay = false;
      });
  }

  #profile(record: MemberRecord): Command | undefined {
    const { id, name, clientAddress } = this.#parts;
    const levels = publishedLevels(this.#parts);
    const isTrue = record.name === name && record.clientAddress === clientAddress;
    if (isTrue && sameLevels(record.levels, levels)) return undefined;
    return { type: 'publish', id, name, clientAddress, levels };
  }

  /** One that another member has in the table waits until that one has made known where it is. */
  #place(record: MemberRecord): Command | undefined {
    const { machine, id, peerAddress, log } = this.#parts;
    if (record.peerAddress === peerAddress) return undefined;
    const holder = machine.members().find((each) => each.peerAddress === peerAddress);
    if (holder === undefined) return { type: 'change-address', id, peerAddress };
    if (this.#toldHolder !== holder.name) {
      this.#toldHolder = holder.name;
      const fields = { address: peerAddress, member: holder.name };
      log.warn(fields, 'not made known: another member has this Raft address in the member table');
    }
    return undefined;
  }

  #placeOfOther(moved: readonly (readonly [MemberId, PeerAddress])[]): Command | undefined {
    const members = this.#parts.machine.members();
    const free = moved.find(([, address]) => !members.some((each) => each.peerAddress === address));
    if (free === undefined) return undefined;
    const [id, peerAddress] = free;
    return { type: 'change-address', id, peerAddress };
  }
}

/** What this version knows, as far as the operator lets the cluster go; a level that it has reached is held back by nobody. */
export function publishedLevels({ levels, levelHeldMax, machine }: MemberParts): LevelRange {
  return { min: levels.min, max: Math.max(machine.featureLevel, Math.min(levels.max, levelHeldMax)) };
}
