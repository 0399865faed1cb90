import { decodeUtf8, encodeUtf8 } from '../src/base/bytes.js';
import { levelsText } from '../src/base/feature-levels.js';
import type { Command } from '../src/fsm/command.js';
import { decodeCommandBatch } from '../src/fsm/command-codec.js';
import {
  describeEntries as describeRaftEntries,
  describeMessage as describeRaftMessage,
  describeReady as describeRaftReady,
} from '../src/raft/testing/describe.js';
import type { Entry, Message, Ready } from '../src/raft/types.js';

function describeCommand(command: Command): string {
  switch (command.type) {
    case 'put':
      return `put ${decodeUtf8(command.key)} ${decodeUtf8(command.value)}${describeCondition(command)}`;
    case 'delete-range': {
      const end = command.end === undefined ? '' : ` ${decodeUtf8(command.end)}`;
      return `delete ${decodeUtf8(command.key)}${end}${describeCondition(command)}`;
    }
    case 'compact':
      return `compact ${command.revision}`;
    case 'publish':
      return `publish ${command.name} ${levelsText(command.levels)}`;
    case 'raise-level':
      return `raise-level ${command.level}`;
    case 'change-address':
      return `change-address ${command.id} ${command.peerAddress}`;
  }
}

function describeCondition({
  expectedModRevision: expected,
}: {
  expectedModRevision?: number | undefined;
}): string {
  return expected === undefined ? '' : ` if at ${expected}`;
}

/** The commands of an entry as the text that the golden scenarios have there. */
function readable(entry: Entry): Entry {
  if (entry.type !== 'normal') return entry;
  return { ...entry, data: encodeUtf8(describeBatch(entry.data)) };
}

function describeBatch(data: Uint8Array): string {
  return decodeCommandBatch(data).commands.map(describeCommand).join('; ');
}

export function describeEntries(entries: readonly Entry[]): string {
  return describeRaftEntries(entries.map(readable));
}

export function describeMessage(message: Message): string {
  if (message.type !== 'append') return describeRaftMessage(message);
  return describeRaftMessage({ ...message, entries: message.entries.map(readable) });
}

export function describeReady(ready: Ready): string[] {
  return describeRaftReady({
    ...ready,
    entries: ready.entries.map(readable),
    committed: ready.committed.map(readable),
  });
}
