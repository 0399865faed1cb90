import { assert, InvariantError } from '../src/base/assert.js';
import { emptyBytes, encodeUtf8 } from '../src/base/bytes.js';
import type { LevelRange } from '../src/base/feature-levels.js';
import type { MemberId } from '../src/base/ids.js';
import type { MemberParts } from '../src/member/parts.js';
import type { RaftMember } from '../src/member/raft-member.js';
import type { ClusterConfig } from '../src/raft/types.js';
import { MemoryBackend, type MemoryBackendOptions } from '../src/storage/backend/memory-backend.js';
import { MemoryDisk } from '../src/storage/disk/memory-disk.js';
import { newestLogFormat, type LogFormat } from '../src/storage/wal/format.js';
import { newBuild } from './builds.js';
import type { DiskModel } from './disk-model.js';
import type { DurableLog } from './durable-log.js';
import type { GatedPeers } from './gated-peers.js';
import type { Process } from './process.js';

/** Ids are longer than a byte: their order as numbers is not that of the rows in which they stand. */
const idStep = 1000;

/** One run of a member's process. */
export interface Life {
  readonly number: number;
  /** The feature levels that its version knows. */
  readonly levels: LevelRange;
  readonly process: Process;
  /** Its connections, closed when it ends at the latest. */
  readonly peers: GatedPeers;
  /** Once its data folder is open. */
  parts: MemberParts | undefined;
  /** Once it takes part. */
  member: RaftMember | undefined;
  /** Called when it ends, however: clients that wait for an answer get none. */
  readonly ended: Set<() => void>;
}

/** A machine with a data folder, and the process that runs on it, if one does. */
export class Machine {
  readonly name: string;
  readonly id: MemberId;
  #address: string;
  readonly storage: DiskModel;
  /** As the data folder's identity says. */
  startEpoch = 0;
  /** It has come back elsewhere so often. */
  moves = 0;
  #partsBefore: MemberParts | undefined;
  disk = new MemoryDisk();
  backend: MemoryBackend;
  life: Life | undefined;
  lives = 0;
  /** In which its processes begin segments of the log, as the version that is installed there does. */
  logFormat: LogFormat = newestLogFormat;
  /** The feature levels that the version knows which is installed there. */
  levels: LevelRange = newBuild;
  /** As the data folder's identity says. */
  entrance: 'founding' | 'joining' | 'member';
  /** What members know one another by, as the data folder has it; empty: it has none yet. */
  secret: Uint8Array = emptyBytes;
  /** What it held is lost or damaged: it does not start again. */
  lost = false;
  /** It was removed from the cluster, or never let in: it does not start again. */
  retired = false;
  /** A bit of its log was changed, and it has not started since: it will find that, or lose nothing by it. */
  rottenLog = false;
  /** A sector of its log is gone that was acknowledged: it must find that, and not start. */
  hollowLog = false;
  /** Whether a bit is changed in the next chunk of a snapshot that it sends. */
  rotsChunk = (): boolean => false;
  /** The same of the end of a snapshot, and what of it. */
  rotsEnd = (): 'sum' | 'rows' | undefined => undefined;
  /** Its disk says that things are durable which are not: only processes may die. */
  lying = false;
  /** What its disk has said since it began to lie will be gone: it cannot be counted on. */
  forgetful = false;
  /** What fits on its disk. */
  capacityBytes = Infinity;
  /** Entries that compact, by a policy, and were applied there. */
  compactions = 0;
  /** What is known to be on its disk. */
  durable: DurableLog | undefined;

  constructor(id: number, entrance: 'founding' | 'joining', storage: DiskModel, state: MemoryBackendOptions) {
    this.backend = new MemoryBackend(state);
    this.name = `n${id}`;
    this.id = BigInt(id * idStep);
    this.#address = `n${id}:60051`;
    this.entrance = entrance;
    if (entrance === 'founding') this.secret = encodeUtf8('secret');
    this.storage = storage;
  }

  /** The member that takes part, if any. */
  get member(): RaftMember | undefined {
    return this.life?.member;
  }

  get running(): boolean {
    return this.life?.member !== undefined;
  }

  /** It need not be let in: it founds the cluster, or holds a state that came from it. */
  get knowsCluster(): boolean {
    return this.entrance !== 'joining' || this.backend.applied.index > 0;
  }

  /** What was changed may keep it from starting, for good. */
  get mayRefuseToStart(): boolean {
    return this.rottenLog || this.backend.holdsRot;
  }

  /** As the answer says that lets it in: empty for one that has it. @throws InvariantError: it would never be let in */
  learnSecret(secret: Uint8Array): void {
    if (secret.length > 0) this.secret = secret;
    assert(this.secret.length > 0, `${this.name} is let in, and not told the secret`);
  }

  /** Where its processes listen, from their next start on. */
  get address(): string {
    return this.#address;
  }

  /** It comes back at an address that nobody has had. */
  move(): void {
    assert(this.life === undefined, `${this.name} moves when nothing runs on it`);
    this.#address = `${this.name}-${++this.moves}:60051`;
  }

  /** It comes back where the other one was, and that one where it was. */
  changePlaces(other: Machine): void {
    assert(
      this.life === undefined && other.life === undefined,
      'nothing runs on machines that change places',
    );
    [this.#address, other.#address] = [other.#address, this.#address];
    this.moves++;
    other.moves++;
  }

  /** The newer version is installed: from the next start on. */
  upgrade(): void {
    this.logFormat = newestLogFormat;
    this.levels = newBuild;
  }

  /** It will not run again. */
  get gone(): boolean {
    return this.lost || this.retired;
  }

  /** Whether it can be started (again). */
  get startable(): boolean {
    return this.life === undefined && !this.gone;
  }

  /** The last configurations that it has known: of its log, and of its state. */
  configs(): ClusterConfig[] {
    if (this.gone) return [];
    const parts = this.life?.parts ?? this.#partsBefore;
    return parts === undefined ? [] : [parts.raft.status().config, parts.machine.config];
  }

  /** Remembers what the process that ended knew. */
  ended(): void {
    this.#partsBefore = this.life?.parts ?? this.#partsBefore;
    this.life = undefined;
  }

  get parts(): MemberParts {
    const parts = this.life?.parts;
    if (parts === undefined) throw new InvariantError(`${this.name} runs`);
    return parts;
  }
}
