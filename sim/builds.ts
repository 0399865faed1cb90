import { MalformedBytesError } from '../src/base/byte-stream.js';
import type { FeatureLevel, LevelRange } from '../src/base/feature-levels.js';
import { decodeCommandBatch } from '../src/fsm/command-codec.js';
import type { Entry, Message } from '../src/raft/types.js';

/** Versions of Kvorum that machines have installed. Only the newer one knows comparisons, as far as runs are concerned. */
export const oldBuild: LevelRange = { min: 1, max: 1 };
export const newBuild: LevelRange = { min: 1, max: 2 };
export const comparisonsLevel: FeatureLevel = 2;

/** The feature level that whoever reads the entry must know. */
export function levelOf({ type, data }: Pick<Entry, 'type' | 'data'>): FeatureLevel {
  if (type !== 'normal') return 1;
  try {
    const isNew = decodeCommandBatch(data).commands.some(
      (command) => 'expectedModRevision' in command && command.expectedModRevision !== undefined,
    );
    return isNew ? comparisonsLevel : 1;
  } catch (error) {
    if (error instanceof MalformedBytesError) return 1;
    throw error;
  }
}

/** A batch of one command that there never was. */
const unknownCommand = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 255);

/** What the version that knows `levels` makes of the message: what is above them means nothing to it. */
export function asReadBy({ max }: LevelRange, message: Message): Message {
  if (max >= comparisonsLevel) return message;
  if (message.type === 'propose') {
    const { entryType: type, data } = message;
    return levelOf({ type, data }) > max ? { ...message, data: unknownCommand } : message;
  }
  if (message.type !== 'append') return message;
  if (!message.entries.some((entry) => levelOf(entry) > max)) return message;
  const entries = message.entries.map((entry) =>
    levelOf(entry) > max ? { ...entry, data: unknownCommand } : entry,
  );
  return { ...message, entries };
}
