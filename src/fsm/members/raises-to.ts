import { MalformedBytesError } from '../../base/byte-stream.js';
import type { FeatureLevel } from '../../base/feature-levels.js';
import type { Entry } from '../../raft/types.js';
import { decodeCommandBatch } from '../command-codec.js';

/** The feature level that the entry is to raise the cluster to; undefined: it is not about that. */
export function raisesTo({ type, data }: Entry): FeatureLevel | undefined {
  if (type !== 'normal') return undefined;
  try {
    const { commands } = decodeCommandBatch(data);
    return commands.find((command) => command.type === 'raise-level')?.level;
  } catch (error) {
    if (error instanceof MalformedBytesError) return undefined;
    throw error;
  }
}
