import { join } from 'node:path';
import { joinAnewAdvice } from '../base/advice.js';
import { assert } from '../base/assert.js';
import { KvorumError } from '../base/errors.js';
import { formatId, type Index, type MemberId } from '../base/ids.js';
import type { MemberRecord } from '../fsm/members/membership.js';
import {
  entryName,
  formatEntryName,
  sameEntry,
  type EntryName,
  type PassedOver,
} from '../fsm/passed-over.js';
import { StateMachine } from '../fsm/state-machine.js';
import { logEndMissingError, logFor } from '../member/log-fit.js';
import { foundingPosition, walFolder } from '../member/open.js';
import { RealClock } from '../ports/real-clock.js';
import type { AppliedPosition } from '../ports/backend.js';
import type { Entry } from '../raft/types.js';
import { stateFolder } from './server.js';
import { LmdbBackend } from '../storage/backend/lmdb-backend.js';
import { DataFolder, type Identity } from '../storage/data-folder/data-folder.js';
import { passedOverMax, readPassedOver, writePassedOver } from '../storage/data-folder/passed-over-file.js';
import { Recovery, type WalRecovered } from '../storage/wal/recover.js';
import { Wal } from '../storage/wal/wal.js';

/** What a member's data folder holds, seen from outside while no process uses it. */
export interface Findings {
  readonly identity: Identity;
  readonly log: WalRecovered;
  readonly applied: AppliedPosition;
  /** The folder of the state is not there, or holds none. */
  readonly stateMissing: boolean;
  /** Neither the log nor the state holds these: the member cannot go on. */
  readonly missing: { readonly first: Index; readonly last: Index } | undefined;
  readonly passedOver: readonly PassedOver[];
  /** Of the state with all that the log holds, as far as it can be applied; none where that is not complete. */
  readonly members: readonly MemberRecord[];
  readonly voters: readonly MemberId[];
  /** The first entry behind the applied index that cannot be applied. */
  readonly stuckAt: { readonly entry: Entry; readonly reason: string } | undefined;
}

/**
 * Looks at a data folder and changes nothing in it.
 * @throws KvorumError DATA_FOLDER_UNUSABLE, DATA_FOLDER_LOCKED, DATA_DAMAGED
 */
export async function inspect(path: string): Promise<Findings> {
  return await withFolder(path, look);
}

/**
 * From the next start on the member takes the entry for an empty one.
 *
 * @returns what there is to say of it
 * @throws KvorumError INVALID_REQUEST: it is not the entry that keeps this member from going on; and as inspect
 */
export async function passOver(path: string, wanted: EntryName): Promise<string> {
  const name = formatEntryName(wanted);
  return await withFolder(path, async (folder) => {
    const findings = await look(folder);
    const { passedOver } = findings;
    if (passedOver.some((each) => sameEntry(each, wanted))) return `entry ${name} is passed over already`;
    if (passedOver.length >= passedOverMax) {
      throw new KvorumError(
        'LIMIT_EXCEEDED',
        `passedOverMax: ${passedOverMax} entries are passed over already`,
      );
    }
    const tried = mayPassOver(wanted, findings);
    const others = passedOver.filter((each) => each.index !== wanted.index);
    await writePassedOver(folder.disk, [...others, { ...wanted, tried }]);
    return tried
      ? `entry ${name} is passed over from the next start on`
      : `entry ${name} is not in this member's log yet: it is passed over when it comes, if its bytes are no entry`;
  });
}

/** @returns whether the entry was seen to fail; false: it is yet to come */
function mayPassOver(wanted: EntryName, findings: Findings): boolean {
  const { log, applied, stuckAt } = findings;
  const refuse = (why: string): never => {
    throw new KvorumError(
      'INVALID_REQUEST',
      `entry ${formatEntryName(wanted)} cannot be passed over: ${why}`,
    );
  };
  if (!isComplete(findings)) return refuse(describeGap(findings).join('; '));
  if (wanted.index <= applied.index) return refuse(`the state holds all entries up to ${applied.index}`);
  const entry = log.entries.find(({ index }) => index === wanted.index);
  if (entry !== undefined && !sameEntry(entryName(entry), wanted)) {
    return refuse(`the log holds another one there, ${formatEntryName(entryName(entry))}`);
  }
  if (stuckAt !== undefined && stuckAt.entry.index < wanted.index) {
    return refuse(`${formatEntryName(entryName(stuckAt.entry))} comes before it and cannot be applied`);
  }
  if (entry === undefined) {
    // What is committed stays, and terms never go back behind it (Raft, section 5.4). What is not may yet be replaced.
    const term = log.terms.term(log.hardState.commit) ?? log.terms.offsetTerm;
    if (wanted.term < term)
      return refuse(`entries of term ${term} are committed: none of an earlier one can come`);
    return false;
  }
  if (stuckAt?.entry !== entry) {
    return refuse('this member can apply it, and would differ from the others without it');
  }
  return true;
}

/** While no process uses it. */
export async function withFolder<T>(path: string, action: (folder: DataFolder) => Promise<T>): Promise<T> {
  const folder = await DataFolder.openExisting(path);
  try {
    return await action(folder);
  } finally {
    await folder.close();
  }
}

export async function look(folder: DataFolder): Promise<Findings> {
  const identity = folder.identity!;
  if (identity.state === 'recovering') {
    const message = `the recovery of data folder ${folder.path} was cut short: go on with it (-force-new-cluster -yes)`;
    throw new KvorumError('DATA_FOLDER_UNUSABLE', message);
  }
  if (!(await Wal.exists(folder.disk, walFolder))) {
    const message = `data folder ${folder.path} holds no log: its member has not taken part yet, or has lost it`;
    throw new KvorumError('DATA_FOLDER_UNUSABLE', message);
  }
  const passedOver = await readPassedOver(folder.path, folder.disk);
  const seen = { identity, passedOver };
  const path = join(folder.path, stateFolder);
  // Opening it would make a new one.
  if (!(await LmdbBackend.exists(path))) {
    const applied = { index: 0, term: 0 };
    const log = await readLog(folder, identity, Infinity);
    const missing = missingBetween(applied, log);
    return { ...seen, ...nobody, log, applied, stateMissing: true, missing };
  }
  const backend = await LmdbBackend.open(path, { clock: new RealClock() });
  try {
    const { applied } = backend;
    const found = await readLog(folder, identity, applied.index);
    const missing = missingBetween(applied, found);
    if (missing !== undefined)
      return { ...seen, ...nobody, log: found, applied, stateMissing: false, missing };
    const log = logBehind(found, backend);
    return { ...seen, log, applied, stateMissing: false, missing, ...tryEntries(backend, log, passedOver) };
  } finally {
    await backend.close({ flush: false });
  }
}

/** @param heldBehind of its entries those behind this one are wanted */
export async function readLog(
  { disk }: DataFolder,
  { clusterId, memberId }: Pick<Identity, 'clusterId' | 'memberId'>,
  heldBehind: Index,
): Promise<WalRecovered> {
  const owner = { clusterId, memberId };
  return (await new Recovery(disk, walFolder, owner, heldBehind).run()).recovered;
}

/** What of the log a start goes on with. @throws KvorumError DATA_DAMAGED: it would not start */
export function logBehind(
  log: WalRecovered,
  state: Pick<LmdbBackend, 'applied' | 'installedAt'>,
): WalRecovered {
  const { applied } = state;
  // A founder's, that made no state yet.
  if (applied.index < log.terms.offset) return log;
  const fitting = logFor(log, state);
  if (fitting === undefined) throw logEndMissingError(log, applied);
  return fitting;
}

const nobody = { members: [], voters: [], stuckAt: undefined } as const;

function missingBetween(applied: AppliedPosition, { terms }: WalRecovered): Findings['missing'] {
  const { offset, lastIndex } = terms;
  // A founder that stopped before it wrote its first state makes it at the next start.
  const isFounding = applied.index === 0 && offset === foundingPosition.index && lastIndex === offset;
  if (applied.index >= offset || isFounding) return undefined;
  return { first: applied.index + 1, last: offset };
}

/** Whether log and state together hold what the member has taken part in. */
export function isComplete({ log, stateMissing, missing }: Findings): boolean {
  return missing === undefined && !(stateMissing && log.terms.lastIndex > log.terms.offset);
}

function describeGap({ identity, log, applied, stateMissing, missing }: Findings): string[] {
  const lines = stateMissing
    ? [`the state is missing: folder ${stateFolder} is not there, or holds none`]
    : [];
  if (missing !== undefined) {
    const { first, last } = missing;
    const which = first === last ? `entry ${first} is` : `entries ${first} to ${last} are`;
    lines.push(
      `${which} missing between the state (up to ${applied.index}) and the log (from ${log.terms.offset + 1})`,
    );
  }
  lines.push(`member ${identity.name} cannot go on: ${joinAnewAdvice}`);
  return lines;
}

/** Applies what the log holds behind the state, in memory alone: nothing is committed. */
function tryEntries(
  backend: LmdbBackend,
  { entries }: WalRecovered,
  passedOver: readonly PassedOver[],
): Pick<Findings, 'members' | 'voters' | 'stuckAt'> {
  const machine = new StateMachine(backend, undefined, passedOver);
  for (const entry of entries) {
    assert(entry.index === machine.applied.index + 1, 'the log goes on where the state ends');
    try {
      machine.apply(entry);
    } catch (error) {
      if (!(error instanceof KvorumError) || error.code !== 'ENTRY_NOT_APPLICABLE') throw error;
      const { cause } = error;
      const stuckAt = { entry, reason: cause instanceof Error ? cause.message : String(cause) };
      return { members: machine.members(), voters: machine.config.voters, stuckAt };
    }
  }
  return { members: machine.members(), voters: machine.config.voters, stuckAt: undefined };
}

/** What there is to see, a line each. */
export function describeFindings(findings: Findings): string[] {
  const { identity, log, applied, passedOver, stuckAt } = findings;
  const { offset, lastIndex } = log.terms;
  const { term, vote, commit } = log.hardState;
  const lines = [
    `member ${identity.name} (${formatId(identity.memberId)}) of cluster ${formatId(identity.clusterId)}`,
    `term ${term}, vote ${vote === 0n ? 'none' : formatId(vote)}`,
    `log from ${offset + 1} to ${lastIndex}, committed at least to ${commit}`,
    `state up to ${applied.index} of term ${applied.term}`,
  ];
  for (const each of passedOver) lines.push(`passes over entry ${formatEntryName(each)}`);
  if (!isComplete(findings)) {
    lines.push(...describeGap(findings));
  } else if (stuckAt === undefined) {
    lines.push('every entry of the log behind the state can be applied');
  } else {
    const { entry, reason } = stuckAt;
    lines.push(
      `entry ${entry.index} of term ${entry.term} cannot be applied: ${reason}`,
      `it is ${entry.type}, of ${entry.data.length} bytes: ${formatEntryName(entryName(entry))}`,
    );
  }
  return lines;
}
