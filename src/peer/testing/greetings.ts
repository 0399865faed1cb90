import { randomBytes } from 'node:crypto';
import { createHmac } from 'node:crypto';
import type { Socket } from 'node:net';
import { ByteReader, ByteWriter } from '../../base/byte-stream.js';
import { encodeFrame, FrameParser, greetingSizeBytesMax } from '../frame.js';
import { encodeHello, type Answer, type Hello } from '../greeting.js';
import { CalleeHandshake, CallerHandshake, nonceSizeBytes } from '../handshake.js';
import type { ProtocolVersions } from '../protocol-versions.js';

/** Frames of a socket, one after the other. Rejects when it closes first. */
function nextFrame(socket: Socket, parser: FrameParser): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      socket.off('data', take);
      socket.off('close', closed);
    };
    const closed = (): void => {
      end();
      reject(new Error('the connection was closed'));
    };
    const serve = (): void => {
      const payload = parser.next();
      if (payload === undefined) return;
      end();
      resolve(new Uint8Array(payload));
    };
    const take = (chunk: Buffer): void => {
      parser.push(chunk);
      serve();
    };
    socket.on('data', take);
    socket.on('close', closed);
    serve();
  });
}

/**
 * Greets as a member does.
 * @param how credulous: says who it is whatever the other end has proven; versions: default those of this version
 */
export async function greetAsCaller(
  socket: Socket,
  secret: Uint8Array,
  hello: Hello,
  how: { readonly credulous?: boolean; readonly versions?: ProtocolVersions } = {},
): Promise<FrameParser> {
  const parser = new FrameParser(greetingSizeBytesMax);
  const handshake = new CallerHandshake(secret, randomBytes(nonceSizeBytes), hello, how.versions);
  const opening = handshake.opening();
  socket.write(opening);
  const challenge = await nextFrame(socket, parser);
  if (how.credulous === true) {
    socket.write(forgedClaims(secret, opening, challenge, hello));
  } else {
    const step = handshake.take(challenge);
    if ('say' in step) socket.write(step.say);
  }
  const step = handshake.take(await nextFrame(socket, parser));
  if (!('answer' in step) || !step.answer.welcome) throw new Error('sent away');
  return parser;
}

/**
 * As the caller would prove itself to a callee that has not.
 * @param opening the frame of it
 * @param challenge the payload of it
 */
export function forgedClaims(
  secret: Uint8Array,
  opening: Uint8Array,
  challenge: Uint8Array,
  hello: Hello,
): Uint8Array {
  const claims = encodeHello(hello);
  const said = new ByteWriter()
    .string('kvorum caller claims')
    .bytes(payloadOf(opening))
    .bytes(new ByteReader(challenge, 1).bytes())
    .bytes(claims)
    .finish();
  const proof = createHmac('sha256', secret).update(said).digest();
  return encodeFrame((writer) => writer.bytes(claims).raw(proof));
}

function payloadOf(frame: Uint8Array): Uint8Array {
  const parser = new FrameParser(greetingSizeBytesMax);
  parser.push(frame);
  return parser.next()!;
}

/** Takes one greeting, and answers it. */
export async function greetAsCallee(
  socket: Socket,
  secret: Uint8Array,
  answer: Answer = { welcome: true },
): Promise<{ readonly hello: Hello; readonly parser: FrameParser }> {
  const parser = new FrameParser(greetingSizeBytesMax);
  const handshake = new CalleeHandshake(secret, randomBytes(nonceSizeBytes));
  socket.write(handshake.readOpening(await nextFrame(socket, parser)).challenge);
  const hello = handshake.readClaims(await nextFrame(socket, parser));
  socket.write(handshake.answer(answer));
  return { hello, parser };
}
