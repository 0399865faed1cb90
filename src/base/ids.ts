/**
 * Numbers that must not be mixed up. The optional brand lets a plain number in, and keeps a Term from
 * being passed where an Index is asked for. All are safe integers (2^53 at a million a second is 285 years).
 */
type Flavor<T, Name extends string> = T & { readonly __flavor?: Name };

/** Raft term (paper section 5.1). 0 before the first election. */
export type Term = Flavor<number, 'Term'>;
/** Position in the Raft log. The first entry is 1; 0 is "before the log". */
export type Index = Flavor<number, 'Index'>;
/** Revision of the key space. An empty store is at revision 1; the first write makes revision 2. */
export type Revision = Flavor<number, 'Revision'>;

/** 64-bit unsigned ids that come at full width from outside or from a random source. 0n is "none". */
export type MemberId = Flavor<bigint, 'MemberId'>;
export type ClusterId = Flavor<bigint, 'ClusterId'>;
export type LeaseId = Flavor<bigint, 'LeaseId'>;

/** The absent member: no leader, no vote. */
export const noMember: MemberId = 0n;

/**
 * Metadata with which a server says in each answer which cluster it serves, and a caller which one he means: any other one
 * refuses his call with WRONG_CLUSTER before it begins. Written as by formatId().
 */
export const clusterField = 'kvorum-cluster';

/** A member or cluster id as operators see it: 16 lower-case hex digits. */
export function formatId(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16).padStart(16, '0');
}

/** What formatId() writes; undefined for anything else. */
export function parseId(text: unknown): bigint | undefined {
  return typeof text === 'string' && /^[0-9a-f]{16}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}
