import { decodeUtf8, encodeUtf8 } from './bytes.js';

/** What an answer, a message or a line of the log repeats of what somebody sent: names, paths, keys. */
export const echoSizeBytesMax = 512;

/**
 * A text to be repeated to whoever sent it, or to be logged: whole if its UTF-8 has up to `echoSizeBytesMax` bytes,
 * else as many characters of it as fit, and how long it is. Half of a surrogate pair becomes U+FFFD.
 *
 * @param given a text, or its bytes
 */
export function echoed(given: string | Uint8Array): string {
  if (typeof given !== 'string') {
    return given.length <= echoSizeBytesMax ? decodeUtf8(given) : cut(given, given.length);
  }
  // A character takes at least one byte in UTF-8, and at most three for each of its halves here.
  if (3 * given.length <= echoSizeBytesMax) return given;
  const bytes = encodeUtf8(given.slice(0, echoSizeBytesMax + 1));
  return bytes.length <= echoSizeBytesMax ? given : cut(bytes, Buffer.byteLength(given));
}

function cut(bytes: Uint8Array, sizeBytes: number): string {
  const end = characterStart(bytes, echoSizeBytesMax);
  return `${decodeUtf8(bytes.subarray(0, end))}... (${sizeBytes} bytes)`;
}

/** @returns where the character of UTF-8 begins that the byte at `at` is part of */
function characterStart(bytes: Uint8Array, at: number): number {
  let start = at;
  // A character has up to four bytes; what is no UTF-8 is cut anywhere.
  while (start > at - 4 && (bytes[start]! & 0xc0) === 0x80) start--;
  return (bytes[start]! & 0xc0) === 0x80 ? at : start;
}
