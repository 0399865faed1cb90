import { checkMemberName, parseHostPort } from '../base/address.js';
import { MalformedBytesError } from '../base/byte-stream.js';
import { KvorumError } from '../base/errors.js';
import type { FeatureLevel } from '../base/feature-levels.js';
import { formatId, type MemberId } from '../base/ids.js';
import { decodeConfigChange } from '../raft/config-change.js';
import type { ConfigChangeKind, EntryType } from '../raft/types.js';
import { checkCommandBatch } from './command-codec.js';
import type { MembershipUpdate } from './members/membership.js';
import { decodeMembershipUpdate } from './members/membership-codec.js';

/**
 * Whether every member of this version can apply the entry, as far as its bytes tell: what comes from outside is looked
 * at before it enters a log, for in the log it stops all members. Makes no objects: it is run for each entry.
 *
 * @throws MalformedBytesError
 */
export function checkEntry(type: EntryType, data: Uint8Array): void {
  if (type === 'normal') checkCommandBatch(data);
  else if (type === 'config') readConfigChange(data);
  else if (data.length > 0) throw new MalformedBytesError(`an empty entry with ${data.length} bytes`);
}

/**
 * As checkEntry, and whether a member of ours would propose it.
 * @param removed members that must not come back
 * @param levelMax the highest feature level that this leader knows: nobody raises the cluster above its leader
 * @throws MalformedBytesError
 */
export function checkProposal(
  type: 'normal' | 'config',
  data: Uint8Array,
  removed: ReadonlySet<MemberId>,
  levelMax: FeatureLevel,
): void {
  if (type === 'normal') {
    checkCommandBatch(data, levelMax);
    return;
  }
  const { changes, update } = readConfigChange(data);
  if (update === undefined) return;
  const [change] = changes;
  const { id, kind } = meantBy(update);
  if (changes.length !== 1 || change!.id !== id || change!.kind !== kind) {
    throw new MalformedBytesError(
      `a change of members that says ${update.type} of ${formatId(id)} beside it`,
    );
  }
  if (update.type !== 'add') return;
  if (removed.has(id)) throw new MalformedBytesError(`member ${formatId(id)} was removed`);
  checkText(() => checkMemberName('name', update.record.name));
  checkText(() => parseHostPort('raft address', update.record.peerAddress));
}

function meantBy(update: MembershipUpdate): { readonly id: MemberId; readonly kind: ConfigChangeKind } {
  switch (update.type) {
    case 'add':
      return { id: update.record.id, kind: 'add-learner' };
    case 'promote':
      return { id: update.id, kind: 'add-voter' };
    case 'remove':
      return { id: update.id, kind: 'remove' };
  }
}

function checkText(check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (error instanceof KvorumError) throw new MalformedBytesError(error.message);
    throw error;
  }
}

function readConfigChange(
  data: Uint8Array,
): ReturnType<typeof decodeConfigChange> & { readonly update: MembershipUpdate | undefined } {
  const change = decodeConfigChange(data);
  const update = change.context.length === 0 ? undefined : decodeMembershipUpdate(change.context);
  return { ...change, update };
}
