import type { Revision } from '../../base/ids.js';
import type { Refused } from '../command.js';
import type { MemberCommand, MemberResult } from './member-commands.js';
import type { MemberTable } from './member-table.js';

/** What commands do to the member table. */
export class MembersPart {
  readonly #members: MemberTable;

  constructor(members: MemberTable) {
    this.#members = members;
  }

  /**
   * @param revision of the store
   * @throws KvorumError VERSION_MISMATCH
   */
  apply(command: MemberCommand, revision: Revision): MemberResult | Refused {
    if (command.type === 'raise-level') {
      return { type: 'raise-level', revision, level: this.#members.raiseLevel(command.level) };
    }
    const record = this.#members.find(command.id);
    if (record === undefined) {
      return { type: 'refused', revision, code: 'MEMBER_NOT_FOUND', message: 'no member has this id' };
    }
    if (command.type === 'publish') {
      const { name, clientAddress, levels } = command;
      this.#members.update({ ...record, name, clientAddress, levels });
      return { type: 'publish', revision };
    }
    const { id, peerAddress } = command;
    const holder = this.#members.members.find((each) => each.peerAddress === peerAddress);
    if (holder !== undefined && holder.id !== id) {
      const message = `raft address ${peerAddress} is taken by member ${holder.name}`;
      return { type: 'refused', revision, code: 'MEMBER_ADDRESS_TAKEN', message };
    }
    this.#members.update({ ...record, peerAddress });
    return { type: 'change-address', revision };
  }
}
