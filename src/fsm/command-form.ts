import { MalformedBytesError, type ByteReader, type ByteWriter } from '../base/byte-stream.js';
import type { FeatureLevel } from '../base/feature-levels.js';

/** One of the ways in which a command stands in the log, behind its number. */
export interface CommandForm<C> {
  readonly name: string;
  /** The byte that it begins with. Never given to another, in no version. */
  readonly number: number;
  /** From which feature level on it may be proposed. */
  readonly level: FeatureLevel;
  /** Bytes are views. @throws MalformedBytesError */
  read(reader: ByteReader): C;
  /**
   * Goes over it as `read` does, and makes no objects; refuses besides what no member of ours proposes.
   * @param levelMax the highest feature level that the cluster may be raised to
   * @throws MalformedBytesError
   */
  check(reader: ByteReader, levelMax: FeatureLevel): void;
}

/** All that the log needs to know of one type of command. */
export interface CommandCodec<C> {
  readonly forms: readonly CommandForm<C>[];
  /** The one that `write` uses. */
  formOf(command: C): CommandForm<C>;
  /** With its number. */
  write(writer: ByteWriter, command: C): void;
  /** What it takes in an entry, or some bytes more. */
  sizeBytes(command: C): number;
}

/** @throws MalformedBytesError for a flag that is not `known` */
export function readFlags(reader: ByteReader, known: number): number {
  const set = reader.uint8();
  if ((set & ~known) !== 0) throw new MalformedBytesError(`a command with flags ${set}`);
  return set;
}

/** @throws MalformedBytesError */
export function skipBytes(reader: ByteReader, sizeBytesMin: number, sizeBytesMax: number): void {
  const sizeBytes = reader.varint();
  if (sizeBytes < sizeBytesMin || sizeBytes > sizeBytesMax) {
    throw new MalformedBytesError(`a key, value or text of ${sizeBytes} bytes`);
  }
  reader.skip(sizeBytes);
}
