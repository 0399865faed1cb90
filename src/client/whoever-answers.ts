import { randomBytes } from 'node:crypto';
import { readUint32, writeUint32 } from '../base/bytes.js';
import { crc32c } from '../base/crc32c.js';
import { dial, DialError, type DialTarget } from './dial.js';

/** What an HTTP/2 client says first: the preface and empty SETTINGS (RFC 9113, section 3.4). */
const http2Opening = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');

/** No more is needed to tell what it is. */
const saidSizeBytesMax = 512;

/** What listens somewhere. */
export interface Answerer {
  /** In words that stand behind `cannot connect to HOST:PORT: `. */
  readonly what: string;
  /** It will never serve clients of Kvorum. */
  readonly isWrong: boolean;
}

const wrong = (what: string): Answerer => ({ what, isWrong: true });
const maybeRight = (what: string): Answerer => ({ what, isWrong: false });

/**
 * Says what listens at an address and does not speak HTTP/2. Calls there anew, as what it said before is not
 * to be had any more.
 *
 * @param timeoutMs for each of up to three calls
 */
export async function whoeverAnswers(
  target: DialTarget,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Answerer> {
  try {
    const said = await exchange(target, http2Opening, timeoutMs, signal);
    if (said.length > 0) return describe(said);
    if (isMemberAnswer(await exchange(target, memberOpening(), timeoutMs, signal))) {
      return wrong('that is the Raft port of a member, for members alone: name its client port (-grpcport)');
    }
    if (isTls(await exchange(target, tlsOpening(), timeoutMs, signal))) return needsTls;
    return maybeRight(
      'it closes the connection without a word: no Kvorum server, or one that takes no more connections',
    );
  } catch (error) {
    if (error instanceof DialError) return maybeRight(error.message);
    throw error;
  }
}

const needsTls = wrong('it expects TLS, which this client does not speak');

function describe(said: Buffer): Answerer {
  if (isHttp2(said)) return maybeRight('it has only just begun to serve');
  const text = said.toString('latin1');
  if (isTls(said) || /HTTPS/i.test(text)) return needsTls;
  const protocol = /^HTTP\/1|^<(?:!doctype )?html/i.test(text) ? 'HTTP/1 alone' : 'something else than gRPC';
  return wrong(`no Kvorum server listens there: it speaks ${protocol}`);
}

/** Its SETTINGS come first (RFC 9113, section 3.4): a member that was about to serve when it was called before. */
function isHttp2(said: Buffer): boolean {
  const settings = 4;
  return (
    said.length >= 9 && said.readUIntBE(0, 3) % 6 === 0 && said[3] === settings && said.readUInt32BE(5) === 0
  );
}

/** A record of TLS (RFC 8446, section 5.1) that is an alert or belongs to a handshake. */
function isTls(said: Buffer): boolean {
  return (said[0] === 21 || said[0] === 22) && said[1] === 3 && said.length >= 5;
}

/** Many servers of TLS say nothing, not even that they do not understand, to what is no ClientHello. */
function tlsOpening(): Uint8Array {
  const suites = [0x1301, 0x1302, 0xc02b, 0xc02f, 0xc02c, 0xc030];
  const hello = Buffer.concat([
    Buffer.of(3, 3),
    randomBytes(32),
    // No session; the suites; no compression.
    Buffer.of(0, 0, 2 * suites.length, ...suites.flatMap((suite) => [suite >> 8, suite & 0xff]), 1, 0),
  ]);
  const handshake = Buffer.concat([Buffer.of(1, 0, 0, hello.length), hello]);
  return Buffer.concat([Buffer.of(22, 3, 1, 0, handshake.length), handshake]);
}

/** What it says to `opening`, up to some bytes, to the end of the connection or of the time. */
async function exchange(
  target: DialTarget,
  opening: Uint8Array,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const socket = await dial(target, timeoutMs, signal);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      socket.destroy();
      resolve(Buffer.concat(chunks));
    };
    const timer = setTimeout(end, timeoutMs);
    signal.addEventListener('abort', end);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      sizeBytes += chunk.length;
      if (sizeBytes >= saidSizeBytesMax) end();
    });
    // An error comes before the end, and tells nothing more.
    socket.on('error', () => {});
    socket.on('end', end);
    socket.on('close', end);
    socket.write(opening);
    if (signal.aborted) end();
  });
}

/** "KVRM", as members begin; src/peer/handshake.ts has the protocol. */
const memberMagic = 0x4d52_564b;
const nonceSizeBytes = 32;
const frameHeadSizeBytes = 8;
/** A version that never was: it is refused by every member, whatever secret it knows. */
const noVersion = 0;
/** Payload of that refusal: refused, for a reason of one byte, in words, of which there are none; then which versions it speaks. */
const refusalSizeBytesMin = 3;
const refused = 1;

function memberOpening(): Uint8Array {
  const payload = Buffer.alloc(4 + 1 + nonceSizeBytes);
  writeUint32(payload, 0, memberMagic);
  payload[4] = noVersion;
  randomBytes(nonceSizeBytes).copy(payload, 5);
  const head = Buffer.alloc(frameHeadSizeBytes);
  writeUint32(head, 0, payload.length);
  writeUint32(head, 4, crc32c(payload));
  return Buffer.concat([head, payload]);
}

function isMemberAnswer(said: Buffer): boolean {
  if (said.length < frameHeadSizeBytes + refusalSizeBytesMin) return false;
  const payload = said.subarray(frameHeadSizeBytes);
  return (
    payload[0] === refused &&
    readUint32(said, 0) === payload.length &&
    readUint32(said, 4) === crc32c(payload)
  );
}
