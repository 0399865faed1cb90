import { joinAnewAdvice } from '../base/advice.js';
import { KvorumError } from '../base/errors.js';
import { knownLevels, type FeatureLevel, type LevelRange } from '../base/feature-levels.js';
import type { ClusterId, MemberId } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { RandomSource } from '../base/prng.js';
import type { TermRuns } from '../base/term-runs.js';
import type { MemberRecord } from '../fsm/members/membership.js';
import { formatEntryName, type PassedOver } from '../fsm/passed-over.js';
import { StateMachine } from '../fsm/state-machine.js';
import type { AppliedPosition, Backend } from '../ports/backend.js';
import type { Clock } from '../ports/clock.js';
import type { Disk } from '../ports/disk.js';
import type { PeerAddress, Peers } from '../ports/peers.js';
import { emptyConfig } from '../raft/config-change.js';
import { Raft } from '../raft/raft.js';
import type { Entry, HardState } from '../raft/types.js';
import { Wal, type WalOptions, type WalRecovered } from '../storage/wal/wal.js';
import { emptyBehind, logEndMissingError, logFor } from './log-fit.js';
import type { MemberOptions } from './options.js';
import type { MemberParts } from './parts.js';
import { overrideAddresses, unknownNames } from './peer-overrides.js';
import { RaftMember } from './raft-member.js';

export interface OpenMember {
  readonly clusterId: ClusterId;
  readonly secret: Uint8Array;
  readonly id: MemberId;
  readonly name: string;
  readonly version: string;
  readonly clientAddress: string;
  readonly peerAddress: string;
  /** Founds a new cluster of this one member if the folder holds none. */
  readonly found: boolean;
  /** Where a member that has no state yet finds the cluster (from its join). */
  readonly contacts: readonly MemberRecord[];
  /** As of MemberParts. */
  readonly peerOverrides?: ReadonlyMap<string, PeerAddress>;
  /** Entries that are taken for empty ones. */
  readonly passedOver?: readonly PassedOver[];
  /** Default: of this version of Kvorum. */
  readonly levels?: LevelRange;
  /** As of MemberParts; default: Infinity. */
  readonly levelHeldMax?: FeatureLevel;
  readonly options: MemberOptions;
  readonly walOptions?: Partial<WalOptions>;
  readonly disk: Disk;
  readonly backend: Backend;
  readonly peers: Peers;
  /** As of MemberParts. */
  readonly stopWaiting?: () => void;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly log: Log;
}

export const walFolder = 'wal';
/** Where earlier versions had snapshots in files. */
const formerSnapshotFolder = 'snapshot';

/** A founded cluster begins as if a snapshot stood here, so that whoever joins begins with one. */
export const foundingPosition: AppliedPosition = { index: 1, term: 1 };

interface OpenedLog {
  readonly wal: Wal;
  readonly hardState: HardState;
  readonly terms: TermRuns;
  /** Those behind the state, at least. */
  readonly entries: readonly Entry[];
}

/**
 * Brings a member back from its data folder, or makes it new: log, state and Raft fit each other afterwards.
 * Rejects with DATA_DAMAGED when they cannot. The member is not started.
 */
export async function openMember(open: OpenMember): Promise<RaftMember> {
  return new RaftMember(await openParts(open));
}

/** As openMember, before the parts are put together. */
export async function openParts(open: OpenMember): Promise<MemberParts> {
  const opened = await makeOrReadLog(open);
  try {
    return await fitTogether(open, opened);
  } catch (error) {
    await opened.wal.close().catch(() => {
      // Why it cannot start says more.
    });
    throw error;
  }
}

async function fitTogether(open: OpenMember, found: OpenedLog): Promise<MemberParts> {
  const opened = await foundLog(open, found);
  const machine = await openState(open, opened);
  if (open.passedOver !== undefined && open.passedOver.length > 0) {
    open.log.warn(
      { entries: open.passedOver.map(formatEntryName) },
      'entries are passed over, as was asked for',
    );
  }
  const log = await reconcile(opened, open.backend);
  await open.disk.remove(formerSnapshotFolder);
  const raft = startRaft(open, log, machine);
  if (machine.members().length === 0 && open.contacts.length > 0) {
    open.peers.setMembers(
      new Map(open.contacts.filter((each) => each.id !== open.id).map((each) => [each.id, each.peerAddress])),
    );
    overrideAddresses(open, open.contacts);
  }
  tellUnknown(open, machine);
  const { levels = knownLevels, levelHeldMax = Infinity } = open;
  return { ...open, levels, levelHeldMax, raft, machine, wal: log.wal };
}

function tellUnknown({ peerOverrides, contacts, log }: OpenMember, machine: StateMachine): void {
  const members = machine.members();
  const names = unknownNames(peerOverrides, members.length > 0 ? members : contacts);
  if (names.length > 0) log.warn({ names }, 'peers that are no members, as far as is known here');
}

async function foundLog(open: OpenMember, opened: OpenedLog): Promise<OpenedLog> {
  const empty = open.backend.applied.index === 0 && opened.terms.lastIndex === 0;
  if (!open.found || !empty) return opened;
  const { wal } = opened;
  const hardState = { term: foundingPosition.term, vote: 0n, commit: 0 };
  await wal.append({ hardState, entries: [] });
  await wal.reset(foundingPosition);
  return { wal, hardState, ...emptyBehind(foundingPosition) };
}

async function makeOrReadLog(open: OpenMember): Promise<OpenedLog> {
  const { disk, clusterId, id, log } = open;
  const owner = { clusterId, memberId: id };
  const walOptions = open.walOptions ?? {};
  if (await Wal.exists(disk, walFolder)) {
    const { index } = open.backend.applied;
    const { wal, recovered } = await Wal.open(disk, walFolder, walOptions, owner, index);
    tellRecovered(log, recovered);
    return { wal, ...recovered };
  }
  if (open.backend.applied.index > 0) {
    throw new KvorumError(
      'DATA_DAMAGED',
      `the data folder holds a state but no log (folder wal); ${joinAnewAdvice}`,
    );
  }
  const wal = await Wal.create(disk, walFolder, walOptions, owner);
  return { wal, hardState: { term: 0, vote: 0n, commit: 0 }, ...emptyBehind({ index: 0, term: 0 }) };
}

function tellRecovered(log: Log, recovered: WalRecovered): void {
  if (recovered.tornTailBytes > 0) {
    log.warn(
      { bytes: recovered.tornTailBytes },
      'cut the torn end of the log: a write that was never acknowledged',
    );
  }
}

async function openState(open: OpenMember, opened: OpenedLog): Promise<StateMachine> {
  const { backend, id, name, clusterId, peerAddress, clientAddress, options } = open;
  const { levels = knownLevels, levelHeldMax = Infinity } = open;
  const foundingUnfinished =
    backend.applied.index === 0 &&
    opened.terms.offset === foundingPosition.index &&
    opened.terms.lastIndex === foundingPosition.index;
  if (!foundingUnfinished) return new StateMachine(backend, options, open.passedOver, levels);
  const featureLevel = Math.max(levels.min, Math.min(levels.max, levelHeldMax));
  const machine = StateMachine.initialise(
    backend,
    {
      clusterId,
      config: { ...emptyConfig, voters: [id] },
      members: [
        {
          id,
          name,
          peerAddress,
          clientAddress,
          promoteWhenReady: false,
          levels: { min: levels.min, max: featureLevel },
        },
      ],
      featureLevel,
    },
    foundingPosition,
    options,
    levels,
  );
  await backend.flush();
  return machine;
}

/** The state may be newer than the log only when the installation of a snapshot was cut short in between. */
async function reconcile(opened: OpenedLog, backend: Backend): Promise<OpenedLog> {
  const { offset } = opened.terms;
  const { applied } = backend;
  if (applied.index < offset) {
    throw new KvorumError(
      'DATA_DAMAGED',
      `the log begins behind index ${offset}, but the state ends at ${applied.index}: entries between them are missing; ${joinAnewAdvice}`,
    );
  }
  const fitting = logFor(opened, backend);
  if (fitting === undefined) throw logEndMissingError(opened, applied);
  if (fitting !== opened) await opened.wal.reset(applied);
  return fitting;
}

function startRaft(open: OpenMember, log: OpenedLog, machine: StateMachine): Raft {
  const { options } = open;
  return new Raft(
    {
      id: open.id,
      heartbeatTicks: 1,
      electionTicks: Math.max(3, Math.round(options.electionTimeoutMs / options.heartbeatIntervalMs)),
      preVote: true,
      checkQuorum: true,
      leaseReads: options.leaseReads,
      messageEntriesSizeBytesMax: options.messageEntriesSizeBytesMax,
      inflightMessagesMax: options.inflightMessagesMax,
      inflightSizeBytesMax: options.inflightSizeBytesMax,
      raftReadsMax: options.raftReadsMax,
      proposalsRemembered: options.proposalsRemembered,
      proposalTicksMax: Math.ceil(options.requestTimeoutMs / options.heartbeatIntervalMs),
      uncommittedSizeBytesMax: options.uncommittedSizeBytesMax,
      committedSizeBytesMax: options.committedSizeBytesMax,
      random: open.random,
    },
    {
      hardState: log.hardState,
      snapshot: {
        ...{ index: log.terms.offset, term: log.terms.offsetTerm },
        ...{ config: machine.config, configIndex: machine.configIndex },
      },
      entries: log.entries,
      terms: log.terms,
      applied: machine.applied.index,
      appliedConfig: { index: machine.configIndex, config: machine.config },
    },
  );
}
