import { assert } from '../../base/assert.js';
import type { Revision } from '../../base/ids.js';
import type { KeyValue } from '../../fsm/command.js';
import {
  bytesSizeBytes,
  numberSizeBytes,
  pairFieldSizeBytes,
  writeBytes,
  writeNumber,
  writePairField,
} from './answer-fields.js';

/** What is answered to a Range. */
export interface RangePage {
  readonly pairs: readonly KeyValue[];
  readonly more: boolean;
  readonly revision: Revision;
  /** Empty: this is the last page. */
  readonly next: Uint8Array;
}

const moreTag = 0x10;
const revisionTag = 0x18;
const nextTag = 0x22;

/** RangeResponse, straight into one buffer. */
export function encodeRangeResponse({ pairs, more, revision, next }: RangePage): Uint8Array {
  let sizeBytes = numberSizeBytes(Number(more)) + numberSizeBytes(revision) + bytesSizeBytes(next.length);
  for (const pair of pairs) sizeBytes += pairFieldSizeBytes(pair);
  const bytes = Buffer.allocUnsafeSlow(sizeBytes);
  let at = 0;
  for (const pair of pairs) at = writePairField(bytes, at, pair);
  at = writeNumber(bytes, at, moreTag, Number(more));
  at = writeNumber(bytes, at, revisionTag, revision);
  at = writeBytes(bytes, at, nextTag, next);
  assert(at === sizeBytes, 'a response is as long as its page');
  return bytes;
}
