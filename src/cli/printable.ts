import { isUtf8 } from 'node:buffer';

const short: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/**
 * Bytes in one line: text as it is, but for backslashes and what would steer a terminal; what is no UTF-8 as `\xff`,
 * byte by byte.
 */
export function printable(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer)
    ? buffer.toString().replace(/[\\\p{Cc}\p{Zl}\p{Zp}]/gu, escaped)
    : buffer.toString('latin1').replace(/[\\\p{Cc}\x80-\xff]/gu, escaped);
}

function escaped(sign: string): string {
  const code = sign.codePointAt(0)!.toString(16);
  return short[sign] ?? (code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`);
}
