import { MalformedBytesError } from '../../base/byte-stream.js';
import { skipBytes, type CommandCodec, type CommandForm } from '../command-form.js';
import type { MemberCommand } from './member-commands.js';
import { readLevels, writeLevels } from './membership-codec.js';

type Publish = Extract<MemberCommand, { type: 'publish' }>;
type RaiseLevel = Extract<MemberCommand, { type: 'raise-level' }>;
type ChangeAddress = Extract<MemberCommand, { type: 'change-address' }>;

/** Of a name or an address. */
const textSizeBytesMax = 1024;

const publish: CommandForm<Publish> = {
  name: 'publish',
  number: 4,
  level: 1,
  read: (reader) => ({
    type: 'publish',
    id: reader.uint64(),
    name: reader.string(),
    clientAddress: reader.string(),
    levels: readLevels(reader),
  }),
  check: (reader) => {
    reader.skip(8);
    skipBytes(reader, 0, textSizeBytesMax);
    skipBytes(reader, 0, textSizeBytesMax);
    reader.varint();
    reader.varint();
  },
};

const changeAddress: CommandForm<ChangeAddress> = {
  name: 'changeAddress',
  number: 5,
  level: 1,
  read: (reader) => ({ type: 'change-address', id: reader.uint64(), peerAddress: reader.string() }),
  check: (reader) => {
    reader.skip(8);
    skipBytes(reader, 0, textSizeBytesMax);
  },
};

const raiseLevel: CommandForm<RaiseLevel> = {
  name: 'raiseLevel',
  number: 8,
  level: 1,
  read: (reader) => ({ type: 'raise-level', level: reader.varint() }),
  check: (reader, levelMax) => {
    if (reader.varint() > levelMax) throw new MalformedBytesError('a feature level that nobody knows');
  },
};

const sizeBytes = (): number => 32 + 2 * textSizeBytesMax;

export const memberCommandCodecs: {
  readonly [T in MemberCommand['type']]: CommandCodec<Extract<MemberCommand, { type: T }>>;
} = {
  publish: {
    forms: [publish],
    formOf: () => publish,
    write: (writer, { id, name, clientAddress, levels }) => {
      writer.uint8(publish.number).uint64(id).string(name).string(clientAddress);
      writeLevels(writer, levels);
    },
    sizeBytes,
  },
  'raise-level': {
    forms: [raiseLevel],
    formOf: () => raiseLevel,
    write: (writer, { level }) => void writer.uint8(raiseLevel.number).varint(level),
    sizeBytes: () => 16,
  },
  'change-address': {
    forms: [changeAddress],
    formOf: () => changeAddress,
    write: (writer, { id, peerAddress }) =>
      void writer.uint8(changeAddress.number).uint64(id).string(peerAddress),
    sizeBytes,
  },
};
