import { sameLevels, type LevelRange } from '../base/feature-levels.js';
import type { MemberId } from '../base/ids.js';
import type { Command, CommandResult } from '../fsm/command.js';
import type { MemberRecord } from '../fsm/members/membership.js';
import type { PeerAddress } from '../ports/peers.js';
import { MovedMembers } from './moved-members.js';
import type { MemberParts } from './parts.js';
import { placing } from './placing.js';

/**
 * Makes this member's name, addresses and feature levels known to the cluster once it is up, and keeps them true
 * after a move and after another version was installed. A
 * member without a client address has never been up: it is not promoted, and a start that fails leaves no voter behind.
 */
export class Publication {
  readonly #parts: MemberParts;
  readonly #write: (commands: readonly Command[]) => Promise<readonly CommandResult[]>;
  readonly #moved: MovedMembers;
  #announced = false;
  #underWay = false;
  /** That a member is given to make known itself where it is. */
  readonly #ticksMax: number;
  /** For so many ticks it could not be made known where this member is. */
  #heldTicks = 0;

  constructor(
    parts: MemberParts,
    write: (commands: readonly Command[]) => Promise<readonly CommandResult[]>,
  ) {
    this.#parts = parts;
    const { electionTimeoutMs, heartbeatIntervalMs } = parts.options;
    this.#ticksMax = Math.ceil((2 * electionTimeoutMs) / heartbeatIntervalMs);
    this.#moved = new MovedMembers(this.#ticksMax);
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
    const commands = record && (this.#profile(record) ?? this.#place(record) ?? this.#placeOfOther(moved));
    if (commands === undefined) return;
    this.#underWay = true;
    this.#write(commands)
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

  #profile(record: MemberRecord): readonly Command[] | undefined {
    const { id, name, clientAddress } = this.#parts;
    const levels = publishedLevels(this.#parts);
    const isTrue = record.name === name && record.clientAddress === clientAddress;
    if (isTrue && sameLevels(record.levels, levels)) return undefined;
    return [{ type: 'publish', id, name, clientAddress, levels }];
  }

  /** One that another member has in the table waits until it is known where that one is. */
  #place(record: MemberRecord): readonly Command[] | undefined {
    const { machine, id, peerAddress, peers, log } = this.#parts;
    const isKnown = record.peerAddress === peerAddress;
    const placed = isKnown ? undefined : placing(id, peerAddress, machine.members(), peers.elsewhere());
    if (placed === undefined || 'commands' in placed) {
      this.#heldTicks = 0;
      return placed?.commands;
    }
    if (++this.#heldTicks === this.#ticksMax) {
      const fields = { address: peerAddress, member: placed.holder.name };
      log.warn(fields, 'not made known: another member has this Raft address in the member table');
    }
    return undefined;
  }

  #placeOfOther(moved: readonly (readonly [MemberId, PeerAddress])[]): readonly Command[] | undefined {
    const { machine, peers } = this.#parts;
    for (const [id, address] of moved) {
      const placed = placing(id, address, machine.members(), peers.elsewhere());
      if ('commands' in placed) return placed.commands;
    }
    return undefined;
  }
}

/** What this version knows, as far as the operator lets the cluster go; a level that it has reached is held back by nobody. */
export function publishedLevels({ levels, levelHeldMax, machine }: MemberParts): LevelRange {
  return { min: levels.min, max: Math.max(machine.featureLevel, Math.min(levels.max, levelHeldMax)) };
}
