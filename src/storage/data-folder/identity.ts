import { joinAnewAdvice } from '../../base/advice.js';
import { emptyBytes } from '../../base/bytes.js';
import { KvorumError } from '../../base/errors.js';
import { formatId, noMember, parseId, type ClusterId, type MemberId } from '../../base/ids.js';
import { randomInt, type RandomSource } from '../../base/prng.js';

/**
 * Of the data folder as a whole: which files it has, and what its state's rows are like below the feature level. 1 and 2
 * were never published.
 */
export const currentFormatVersion = 3;

/** Whose data the folder holds. */
export interface Identity {
  /** 0n while joining, before the cluster has answered. */
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  readonly name: string;
  readonly state: IdentityState;
  /** What all members of the cluster know; empty while joining, and in a cluster that was founded without one. */
  readonly secret: Uint8Array;
  /** Of the last start; absent: no version that has them has started in this folder. */
  readonly startEpoch?: number;
  /** While recovering: the cluster that it comes from. */
  readonly formerClusterId?: ClusterId;
}

/** In a millisecond of the wall clock. */
const epochsPerMs = 1024;
/** Of which each start takes one by chance: some milliseconds. */
const chanceEpochs = 16 * epochsPerMs;
/** A clock that is beyond it, in the 22nd century, leaves room for the starts to come. */
const clockEpochMax = 2 ** 52;

/**
 * By which the others tell the newest process with an identity from one of a copied folder. Wall clocks set those of copies
 * apart; one that went back cannot make it fall. Chance does where clocks do not: copies that are started at once, or that
 * were made of a folder whose last start was in the future.
 *
 * @param last of the folder's last start; 0: none
 */
export function nextStartEpoch(last: number, wallMs: number, random: RandomSource): number {
  const clockEpoch = Math.min(Math.floor(wallMs) * epochsPerMs, clockEpochMax);
  return Math.max(last + 1, clockEpoch) + randomInt(random, chanceEpochs);
}

/** Of a cluster's secret, where there is one. */
export const secretSizeBytes = 32;

/**
 * - `founding`: founds a cluster; its state may not name it yet.
 * - `joining`: asks, or is about to ask, to be let in; it has never taken part.
 * - `learning`: was let in, has a log and may vote already, though its state may not name it yet.
 * - `member`: its state names it.
 * - `recovering`: becomes the sole member of a new cluster; neither its log nor its state may be of that one yet.
 */
type IdentityState = (typeof identityStates)[number];

const identityStates = ['founding', 'joining', 'learning', 'member', 'recovering'] as const;

export function encodeIdentity(identity: Identity): string {
  const { clusterId, memberId, name, state, secret, startEpoch, formerClusterId } = identity;
  const plain = {
    formatVersion: currentFormatVersion,
    clusterId: formatId(clusterId),
    memberId: formatId(memberId),
    name,
    state,
    ...(secret.length === 0 ? {} : { secret: Buffer.from(secret).toString('hex') }),
    ...(startEpoch === undefined ? {} : { startEpoch }),
    ...(formerClusterId === undefined ? {} : { formerClusterId: formatId(formerClusterId) }),
  };
  return `${JSON.stringify(plain, undefined, 2)}\n`;
}

/** @throws KvorumError DATA_DAMAGED, DATA_FOLDER_MISMATCH */
export function decodeIdentity(path: string, text: string): Identity {
  const fields = parseFields(path, text);
  const { formatVersion, clusterId, memberId, name, state, secret, startEpoch, formerClusterId } = fields;
  if (!isCount(formatVersion)) throw damaged(path);
  if (formatVersion !== currentFormatVersion) {
    throw new KvorumError(
      'DATA_FOLDER_MISMATCH',
      `${path} has format ${formatVersion}, this version reads ${currentFormatVersion}: start it with the version that wrote it`,
    );
  }
  const ids = { clusterId: parseId(clusterId), memberId: parseId(memberId) };
  if (ids.clusterId === undefined || ids.memberId === undefined) throw damaged(path);
  if (typeof name !== 'string' || !isState(state)) throw damaged(path);
  if (secret !== undefined && !isSecret(secret)) throw damaged(path);
  if (startEpoch !== undefined && !isCount(startEpoch)) throw damaged(path);
  const former = parseId(formerClusterId);
  if ((state === 'recovering') !== (former !== undefined)) throw damaged(path);
  if (ids.memberId === noMember || (ids.clusterId === 0n && state !== 'joining')) throw damaged(path);
  return {
    clusterId: ids.clusterId,
    memberId: ids.memberId,
    name,
    state,
    secret: secret === undefined ? emptyBytes : hexBytes(secret),
    ...(startEpoch === undefined ? {} : { startEpoch }),
    ...(former === undefined ? {} : { formerClusterId: former }),
  };
}

function parseFields(path: string, text: string): Partial<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged(path);
  }
  if (typeof value !== 'object' || value === null) throw damaged(path);
  return value;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function isState(value: unknown): value is IdentityState {
  return identityStates.some((each) => each === value);
}

function isSecret(value: unknown): value is string {
  return typeof value === 'string' && value.length === 2 * secretSizeBytes && /^[0-9a-f]+$/.test(value);
}

function hexBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

function damaged(path: string): KvorumError {
  return new KvorumError('DATA_DAMAGED', `${path} is damaged; ${joinAnewAdvice}`);
}
