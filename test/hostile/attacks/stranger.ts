import { encodeFrame } from '../../../src/peer/frame.js';

/** Whom a stranger claims to be. */
export interface Claim {
  readonly id: bigint;
  readonly name: string;
  /** Where it says that it listens. */
  readonly address: string;
}

/** "KVRM" */
const magic = 0x4d52_564b;

/**
 * The greeting of version 1 of the member protocol, which asks for no secret. By its numbers, apart from the members'
 * own code: what strangers say does not change with it.
 */
export function strangersHello(clusterId: bigint, target: bigint, caller: Claim): Uint8Array {
  return encodeFrame((writer) =>
    writer
      .uint32(magic)
      .varint(1)
      .uint64(clusterId)
      .uint64(caller.id)
      .string(caller.name)
      .string(caller.address)
      .uint64(target)
      .uint8(0),
  );
}
