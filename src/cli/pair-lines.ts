/** Pairs as lines of text: JSON objects, or key and value with a tab between them. */
export type PairFormat = 'jsonl' | 'tsv';

export interface Pair {
  readonly key: string | Uint8Array;
  readonly value: string | Uint8Array;
}

/** The line breaks a rule; the message names the rule. */
export class LineError extends Error {
  override readonly name = 'LineError';
}

const strict = new TextDecoder('utf-8', { fatal: true });

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

const escapes: readonly (readonly [string, string])[] = [
  ['\\', '\\\\'],
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\r', '\\r'],
];

function escaped(text: string): string {
  return text.replace(/[\\\t\n\r]/g, (sign) => escapes.find(([plain]) => plain === sign)![1]);
}

function unescaped(text: string): string {
  return text.replace(/\\(.?)/gs, (whole) => {
    const found = escapes.find(([, written]) => written === whole);
    if (found === undefined) throw new LineError(`${whole} is no escape: \\\\, \\t, \\n and \\r are`);
    return found[0];
  });
}

/**
 * One line, with its end. Bytes that are no UTF-8 stand in base64 in JSON (`keyBase64`, `valueBase64`).
 *
 * @throws LineError for bytes that are no UTF-8 in tab-separated lines
 */
export function encodePair(key: Uint8Array, value: Uint8Array, format: PairFormat): string {
  const [keyText, valueText] = [textOf(key), textOf(value)];
  if (format === 'tsv') {
    if (keyText === undefined || valueText === undefined) {
      throw new LineError('a pair is no UTF-8: only the format jsonl can hold it');
    }
    return `${escaped(keyText)}\t${escaped(valueText)}\n`;
  }
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const object = {
    ...(keyText === undefined ? { keyBase64: base64(key) } : { key: keyText }),
    ...(valueText === undefined ? { valueBase64: base64(value) } : { value: valueText }),
  };
  return `${JSON.stringify(object)}\n`;
}

/** JSON when the first line begins with a brace. */
export function formatOf(firstLine: string): PairFormat {
  return firstLine.trimStart().startsWith('{') ? 'jsonl' : 'tsv';
}

/** @throws LineError */
export function decodePair(line: string, format: PairFormat): Pair {
  if (format === 'tsv') {
    const fields = line.split('\t');
    if (fields.length !== 2) {
      throw new LineError(`a key, a tab and a value are expected, there are ${fields.length} fields`);
    }
    return { key: unescaped(fields[0]!), value: unescaped(fields[1]!) };
  }
  let object: unknown;
  try {
    object = JSON.parse(line);
  } catch {
    throw new LineError('it is no JSON');
  }
  if (typeof object !== 'object' || object === null) throw new LineError('it is no JSON object');
  const fields = object as Record<string, unknown>;
  return { key: field(fields, 'key'), value: field(fields, 'value') };
}

function field(fields: Record<string, unknown>, name: string): string | Uint8Array {
  const [text, base64] = [fields[name], fields[`${name}Base64`]];
  if (typeof text === 'string' && base64 === undefined) return text;
  if (typeof base64 === 'string' && text === undefined && /^[A-Za-z0-9+/]*={0,2}$/.test(base64)) {
    return Buffer.from(base64, 'base64');
  }
  throw new LineError(`it needs a string ${name}, or bytes in base64 as ${name}Base64`);
}

const lineSizeBytesMax = 16 * 1024 * 1024;

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** Bytes up to and with its end. */
  readonly endBytes: number;
}

/** Cuts a stream into lines; the last one may lack its end. @throws LineError */
export async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let held: Uint8Array = new Uint8Array(0);
  let number = 0;
  let endBytes = 0;
  const line = (bytes: Uint8Array): Line => {
    number++;
    const text = textOf(bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes);
    if (text === undefined) throw new LineError(`line ${number} is no UTF-8`);
    return { number, text, endBytes };
  };
  for await (const chunk of source) {
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    let from = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      endBytes += end + 1 - from;
      yield line(bytes.subarray(from, end));
      from = end + 1;
    }
    held = bytes.subarray(from);
    if (held.length > lineSizeBytesMax) {
      throw new LineError(`line ${number + 1} is longer than ${lineSizeBytesMax} bytes`);
    }
  }
  endBytes += held.length;
  if (held.length > 0) yield line(held);
}
