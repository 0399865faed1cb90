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

/** Keeps a byte order mark as what it is: three bytes of a key or value. */
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const byteOrderMark = '\ufeff';

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
 * @throws LineError for what tab-separated lines cannot hold
 */
export function encodePair(key: Uint8Array, value: Uint8Array, format: PairFormat): string {
  const [keyText, valueText] = [textOf(key), textOf(value)];
  if (format === 'tsv') {
    if (keyText === undefined || valueText === undefined) {
      throw new LineError(`${shown(key)} is a pair with bytes that are no UTF-8: only jsonl can hold it`);
    }
    // At the head of a file it would be taken for the mark of an editor.
    if (keyText.startsWith(byteOrderMark)) {
      throw new LineError(`${shown(key)} begins with a byte order mark: only jsonl can hold it`);
    }
    return `${escaped(keyText)}\t${escaped(valueText)}\n`;
  }
  return `${JSON.stringify(pairObject(key, value))}\n`;
}

/**
 * A pair for JSON: text as it is, bytes that are no UTF-8 in base64 as `keyBase64` and `valueBase64`.
 *
 * @param value undefined: only the key is told
 */
export function pairObject(key: Uint8Array, value: Uint8Array | undefined): Readonly<Record<string, string>> {
  return { ...fieldObject('key', key), ...(value === undefined ? {} : fieldObject('value', value)) };
}

function fieldObject(name: string, bytes: Uint8Array): Readonly<Record<string, string>> {
  const text = textOf(bytes);
  return text === undefined ? { [`${name}Base64`]: Buffer.from(bytes).toString('base64') } : { [name]: text };
}

/** A key in a message. */
function shown(key: Uint8Array): string {
  return `key ${JSON.stringify(Buffer.from(key.subarray(0, 64)).toString())}`;
}

/** JSON when the first line is, or looks like nothing else. A tab-separated key may begin with a brace or a bracket too. */
export function formatOf(firstLine: string): PairFormat {
  if (!/^\s*[[{]/.test(firstLine)) return 'tsv';
  try {
    JSON.parse(firstLine);
    return 'jsonl';
  } catch {
    return firstLine.includes('\t') ? 'tsv' : 'jsonl';
  }
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
  const object = parseLine(line);
  if (typeof object !== 'object' || object === null) throw new LineError('it is no JSON object');
  if (Array.isArray(object)) throw new LineError(`it is a JSON array, ${objectsExpected}`);
  const fields = object as Record<string, unknown>;
  return { key: field(fields, 'key'), value: field(fields, 'value') };
}

const objectsExpected = "where each line is to be one object (jq -c '.[]' makes such lines of an array)";

/** @throws LineError */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    if (/^\s*\[/.test(line)) throw new LineError(`it begins a JSON array, ${objectsExpected}`);
    if (/^\s*\{\s*$/.test(line)) {
      throw new LineError(
        'it is a part of a JSON object, where each line is to be a whole one (jq -c . makes such lines)',
      );
    }
    throw new LineError('it is no JSON');
  }
}

function field(fields: Record<string, unknown>, name: string): string | Uint8Array {
  const [text, base64] = [fields[name], fields[`${name}Base64`]];
  if (typeof text === 'string' && base64 === undefined) return text;
  if (typeof base64 === 'string' && text === undefined) {
    const bytes = Buffer.from(base64, 'base64');
    if (bytes.toString('base64') === base64) return bytes;
  }
  throw new LineError(`it needs a string ${name}, or bytes in base64 as ${name}Base64`);
}

/** Holds the largest key and value that a server can be set to take, in JSON's longest spelling (6 bytes for 1). */
export const lineSizeBytesMax = 64 * 1024 * 1024;

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** Bytes up to and with its end. */
  readonly endBytes: number;
}

/**
 * Cuts a stream into lines; the last one may lack its end. A byte order mark at the head is left out.
 *
 * @throws LineError
 */
export async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  /** Of a line whose end has not come yet. */
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let number = 0;
  let endBytes = 0;
  const hold = (bytes: Uint8Array): void => {
    heldBytes += bytes.length;
    if (heldBytes > lineSizeBytesMax) {
      throw new LineError(`line ${number + 1} is longer than ${lineSizeBytesMax} bytes`);
    }
    held.push(bytes);
  };
  const endLine = (endSizeBytes: number): Line => {
    number++;
    endBytes += heldBytes + endSizeBytes;
    const bytes = held.length === 1 ? held[0]! : Buffer.concat(held);
    held = [];
    heldBytes = 0;
    return { number, text: lineText(number, bytes), endBytes };
  };
  for await (const chunk of source) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      hold(chunk.subarray(from, end));
      from = end + 1;
      yield endLine(1);
    }
    if (from < chunk.length) hold(chunk.subarray(from));
  }
  if (heldBytes > 0) yield endLine(0);
}

function lineText(number: number, bytes: Uint8Array): string {
  const text = textOf(bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes);
  if (text === undefined) throw new LineError(`line ${number} is no UTF-8`);
  return number === 1 && text.startsWith(byteOrderMark) ? text.slice(1) : text;
}
