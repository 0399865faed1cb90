import { assert } from '../../base/assert.js';
import type { Revision } from '../../base/ids.js';
import type { KeyValue } from '../../fsm/command.js';
import { numberSizeBytes, pairFieldSizeBytes, writeNumber, writePairField } from './answer-fields.js';

/** What is answered to a Range. */
export interface RangePage {
  readonly pairs: readonly KeyValue[];
  readonly more: boolean;
  readonly revision: Revision;
}

const moreTag = 0x10;
const revisionTag = 0x18;

/** RangeResponse, straight into one buffer. */
export function encodeRangeResponse({ pairs, more, revision }: RangePage): Uint8Array {
  let sizeBytes = numberSizeBytes(Number(more)) + numberSizeBytes(revision);
  for (const pair of pairs) sizeBytes += pairFieldSizeBytes(pair);
  const bytes = Buffer.allocUnsafeSlow(sizeBytes);
  let at = 0;
  for (const pair of pairs) at = writePairField(bytes, at, pair);
  at = writeNumber(bytes, at, moreTag, Number(more));
  at = writeNumber(bytes, at, revisionTag, revision);
  assert(at === sizeBytes, 'a response is as long as its page');
  return bytes;
}
