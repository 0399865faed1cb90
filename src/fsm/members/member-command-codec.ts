import { skipBytes, type CommandCodec, type CommandForm } from '../command-form.js';
import type { MemberCommand } from './member-commands.js';

type Publish = Extract<MemberCommand, { type: 'publish' }>;
type ChangeAddress = Extract<MemberCommand, { type: 'change-address' }>;

/** Of a name or an address. */
const textSizeBytesMax = 1024;

const publish: CommandForm<Publish> = {
  number: 4,
  read: (reader) => ({
    type: 'publish',
    id: reader.uint64(),
    name: reader.string(),
    clientAddress: reader.string(),
  }),
  check: (reader) => {
    reader.skip(8);
    skipBytes(reader, 0, textSizeBytesMax);
    skipBytes(reader, 0, textSizeBytesMax);
  },
};

const changeAddress: CommandForm<ChangeAddress> = {
  number: 5,
  read: (reader) => ({ type: 'change-address', id: reader.uint64(), peerAddress: reader.string() }),
  check: (reader) => {
    reader.skip(8);
    skipBytes(reader, 0, textSizeBytesMax);
  },
};

const sizeBytes = (): number => 32 + 2 * textSizeBytesMax;

export const memberCommandCodecs: {
  readonly [T in MemberCommand['type']]: CommandCodec<Extract<MemberCommand, { type: T }>>;
} = {
  publish: {
    forms: [publish],
    write: (writer, { id, name, clientAddress }) =>
      void writer.uint8(publish.number).uint64(id).string(name).string(clientAddress),
    sizeBytes,
  },
  'change-address': {
    forms: [changeAddress],
    write: (writer, { id, peerAddress }) =>
      void writer.uint8(changeAddress.number).uint64(id).string(peerAddress),
    sizeBytes,
  },
};
