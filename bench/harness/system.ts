import type { MethodPath } from '../../src/client/unary-stream.js';
import type { ClientLoad } from '../load/client-load.js';
import type { Program } from './server-process.js';

/** Where one member lives. */
export interface MemberPlan {
  readonly name: string;
  readonly folder: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** Came after the founding. */
  readonly joins: boolean;
}

/** What one member says of itself. */
export interface MemberState {
  readonly id: bigint;
  /** 0n: unknown. */
  readonly leaderId: bigint;
  readonly voter: boolean;
  readonly revision: number;
}

/** The requests of one key-value API, as message bytes. */
export interface KeyValueApi {
  readonly putMethod: MethodPath;
  readonly getMethod: MethodPath;
  encodePut(key: string, value: string): Uint8Array;
  encodeGet(key: string): Uint8Array;
  /** The value in the answer to a get. */
  decodeGet(answer: Uint8Array): string | undefined;
}

/** One program under comparison. */
export interface System {
  readonly name: string;
  readonly version: string;
  readonly api: KeyValueApi;
  /** The client library that part `clients` uses. */
  readonly client: { readonly library: ClientLoad['library']; readonly root: string };
  /** How many keys are loaded at once. */
  readonly bulkLibrary: ClientLoad['library'];
  /** Its members found the cluster together; otherwise the first founds it and the others join one by one. */
  readonly foundsTogether: boolean;
  /** Members are asked to end, and leave something behind when they do; otherwise they are killed. */
  readonly endsCleanly: boolean;
  /** How a member of `plan` is started, for the first time and again. */
  program(member: MemberPlan, plan: readonly MemberPlan[]): Program;
  /** Rejects when the member does not answer. */
  state(endpoint: string): Promise<MemberState>;
  /** Lets a member in before it is started, where that is needed. */
  admit(endpoint: string, member: MemberPlan): Promise<void>;
  /** Forgets what was before `revision`. */
  compact(endpoint: string, revision: number): Promise<void>;
  /** Lists all pairs, page by page, as they were at `revision`; 0: as they are. */
  list(endpoint: string, revision: number): Promise<void>;
  /** Counts all keys, as clients of the system do. */
  count(endpoint: string): Promise<void>;
  close(): void;
}

export function endpointOf(member: MemberPlan): string {
  return `127.0.0.1:${member.clientPort}`;
}
