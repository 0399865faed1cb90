import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MalformedBytesError } from '../base/byte-stream.js';
import { Prng, randomInt } from '../base/prng.js';
import { itHoldsForSeeds } from '../base/testing/seeds.js';
import { FrameParser, greetingSizeBytesMax } from './frame.js';
import { decodeAnswer, encodeAnswer, type Answer, type Hello } from './greeting.js';
import { CalleeHandshake, CallerHandshake, nonceSizeBytes, UnprovenError } from './handshake.js';
import { protocolVersions, VersionError, type ProtocolVersions } from './protocol-versions.js';

const secret = new Uint8Array(32).fill(1);
const hello: Hello = {
  caller: { clusterId: 7n, memberId: 2n, name: 'n2', address: '127.0.0.1:2' },
  target: 1n,
  purpose: 'messages',
};
let nonces = 0;

function nonce(): Uint8Array {
  return new Uint8Array(nonceSizeBytes).fill(++nonces);
}

function payloadOf(frame: Uint8Array): Uint8Array {
  const parser = new FrameParser(greetingSizeBytesMax);
  parser.push(frame);
  const payload = parser.next();
  assert.ok(payload !== undefined);
  return payload;
}

interface Greeting {
  readonly opening: Uint8Array;
  readonly challenge: Uint8Array;
  readonly claims: Uint8Array;
  readonly answer: Uint8Array;
}

const { min: oldest, max: newest } = protocolVersions;
const ownText = oldest === newest ? String(newest) : `${oldest} to ${newest}`;

function sayOf(step: ReturnType<CallerHandshake['take']>): Uint8Array {
  assert.ok('say' in step);
  return step.say;
}

/** All that is said between two that know the secret, without frames. */
function greet(
  caller: CallerHandshake,
  callee: CalleeHandshake,
  answer: Answer = { welcome: true },
): Greeting {
  const opening = payloadOf(caller.opening());
  const challenge = payloadOf(callee.readOpening(opening).challenge);
  const claims = payloadOf(sayOf(caller.take(challenge)));
  assert.deepEqual(callee.readClaims(claims), hello);
  const last = payloadOf(callee.answer(answer));
  return { opening, challenge, claims, answer: last };
}

function caller(known = secret, at = nonce()): CallerHandshake {
  return new CallerHandshake(known, at, hello);
}

function callee(known = secret, at = nonce()): CalleeHandshake {
  return new CalleeHandshake(known, at);
}

describe('a greeting', () => {
  it('lets both ends know that the other knows the secret', () => {
    for (const answer of [
      { welcome: true },
      { welcome: false, code: 'removed', reason: 'it was' },
    ] as const) {
      const one = caller();
      const said = greet(one, callee(), answer);
      assert.deepEqual(one.take(said.answer), { answer });
    }
  });

  it('of two without a secret is good too, and of one without it is not', () => {
    const none = new Uint8Array(0);
    greet(caller(none), callee(none));
    for (const [one, two] of [
      [caller(none), callee()],
      [caller(), callee(none)],
    ] as const) {
      const challenge = payloadOf(two.readOpening(payloadOf(one.opening())).challenge);
      assert.throws(() => one.take(challenge), UnprovenError);
    }
  });

  it('tells whoever listens nothing of the caller before that has proven itself', () => {
    const one = caller();
    const said = [one.opening()];
    const two = callee(new Uint8Array(32).fill(2));
    assert.throws(
      () => one.take(payloadOf(two.readOpening(payloadOf(one.opening())).challenge)),
      UnprovenError,
    );
    const text = Buffer.concat(said).toString('latin1');
    assert.ok(!text.includes('n2') && !text.includes('127.0.0.1'));
  });

  it('is refused with a wrong secret, whatever the caller makes of the challenge', () => {
    const [one, two, liar] = [caller(), callee(), callee(new Uint8Array(32).fill(2))];
    const opening = payloadOf(one.opening());
    liar.readOpening(opening);
    const claims = payloadOf(sayOf(one.take(payloadOf(two.readOpening(opening).challenge))));
    assert.throws(() => liar.readClaims(claims), UnprovenError);
  });

  it('played back to a callee is refused', () => {
    const at = nonce();
    const said = greet(caller(secret, at), callee());
    const again = callee();
    again.readOpening(said.opening);
    assert.throws(() => again.readClaims(said.claims), UnprovenError);
  });

  it('played back to a caller is refused', () => {
    const said = greet(caller(), callee());
    assert.throws(() => caller().take(said.challenge), UnprovenError);
    const [one, two] = [caller(), callee()];
    one.take(payloadOf(two.readOpening(payloadOf(one.opening())).challenge));
    assert.throws(() => one.take(said.answer), UnprovenError);
  });

  it('of one connection does not answer another: not even its refusal', () => {
    const [first, second] = [caller(), caller()];
    const [one, two] = [callee(), callee()];
    for (const [call, taken] of [
      [first, one],
      [second, two],
    ] as const) {
      taken.readClaims(
        payloadOf(sayOf(call.take(payloadOf(taken.readOpening(payloadOf(call.opening())).challenge)))),
      );
    }
    const removed = payloadOf(one.answer({ welcome: false, code: 'removed', reason: '' }));
    assert.throws(() => second.take(removed), UnprovenError);
  });

  it('cannot be turned against whoever made it', () => {
    // A challenge comes back as claims, claims as an answer: none is of another's making.
    const one = caller();
    const opening = payloadOf(one.opening());
    const two = callee();
    const challenge = payloadOf(two.readOpening(opening).challenge);
    assert.throws(() => two.readClaims(challenge), isRefused);
    const claims = payloadOf(sayOf(one.take(challenge)));
    assert.throws(() => one.take(claims), isRefused);
    assert.throws(() => one.take(challenge), isRefused);
  });

  it('believes nothing without a proof but that the version is another', () => {
    for (const bytes of [
      encodeAnswer({ welcome: true }),
      encodeAnswer({ welcome: false, code: 'removed', reason: '' }),
      encodeAnswer({ welcome: false, code: 'refused', reason: '' }),
    ]) {
      const [one, two] = [caller(), callee()];
      assert.throws(() => one.take(payloadOf(bytes)), UnprovenError);
      const later = caller();
      later.take(payloadOf(two.readOpening(payloadOf(later.opening())).challenge));
      assert.throws(() => later.take(payloadOf(bytes)), UnprovenError);
    }
    const other = encodeAnswer({ welcome: false, code: 'wrong-version', reason: '' });
    assert.throws(() => caller().take(payloadOf(other)), VersionError);
    const newer = new Uint8Array(payloadOf(caller().opening()));
    newer.set([newest + 1, newest + 6], 4);
    const said = new RegExp(`versions ${newest + 1} to ${newest + 6} .*, this member versions? ${ownText}`);
    assert.throws(() => callee().readOpening(newer), said);
  });

  it('says when each end was started, and passes over what only later versions know', () => {
    const startEpoch = 1_700_000_000_001;
    const started = { ...hello, caller: { ...hello.caller, startEpoch } };
    const [one, two] = [new CallerHandshake(secret, nonce(), started), callee()];
    const opening = payloadOf(one.opening());
    const claims = payloadOf(sayOf(one.take(payloadOf(two.readOpening(opening).challenge))));
    assert.deepEqual(two.readClaims(claims), started);
    const answer = { welcome: true, startEpoch: 7 } as const;
    assert.deepEqual(one.take(payloadOf(two.answer(answer))), { answer });
    const later = Buffer.concat([payloadOf(caller().opening()), Buffer.from([99, 3, 1, 2, 3])]);
    assert.equal(callee().readOpening(later).callerNonce.length, nonceSizeBytes);
    const broken = Buffer.concat([payloadOf(caller().opening()), Buffer.from([99, 3, 1])]);
    assert.throws(() => callee().readOpening(broken), MalformedBytesError);
  });

  it('settles the highest version that both speak, and only with what both have said', () => {
    const cases: readonly (readonly [ProtocolVersions, ProtocolVersions, number])[] = [
      [{ min: 3, max: 3 }, { min: 3, max: 5 }, 3],
      [{ min: 3, max: 6 }, { min: 4, max: 5 }, 5],
      [{ min: 4, max: 4 }, { min: 3, max: 4 }, 4],
    ];
    for (const [ofCaller, ofCallee, version] of cases) {
      const one = new CallerHandshake(secret, nonce(), hello, ofCaller);
      const two = new CalleeHandshake(secret, nonce(), ofCallee);
      assert.deepEqual(one.take(greet(one, two).answer), { answer: { welcome: true } });
      assert.deepEqual([one.version, two.version], [version, version]);
    }
    const talkedDown = new Uint8Array(
      payloadOf(new CallerHandshake(secret, nonce(), hello, { min: 3, max: 4 }).opening()),
    );
    talkedDown[5] = 3;
    const one = new CallerHandshake(secret, nonce(), hello, { min: 3, max: 4 });
    const two = new CalleeHandshake(secret, nonce(), { min: 3, max: 4 });
    assert.throws(() => one.take(payloadOf(two.readOpening(talkedDown).challenge)), UnprovenError);
  });

  it('of two that speak no common version ends with both ranges at both ends', () => {
    const later = { min: newest + 2, max: newest + 3 };
    const laterText = `${later.min} to ${later.max}`;
    const one = new CallerHandshake(secret, nonce(), hello, later);
    const two = callee();
    const said = new RegExp(
      `speaks versions ${laterText} of the member protocol, this member versions? ${ownText}`,
    );
    assert.throws(() => two.readOpening(payloadOf(one.opening())), said);
    const refusal = {
      welcome: false,
      code: 'wrong-version',
      reason: '',
      versions: protocolVersions,
    } as const;
    const told = new RegExp(
      `speaks versions? ${ownText} of the member protocol, this member versions ${laterText}`,
    );
    assert.throws(() => one.take(payloadOf(encodeAnswer(refusal))), told);
  });

  it('takes an opening that says more than this version knows, and refuses one from before there were ranges', () => {
    const one = caller();
    const longer = Buffer.concat([payloadOf(one.opening()), Uint8Array.of(99, 2, 2, 3)]);
    callee().readOpening(longer);
    const before = Buffer.concat([
      payloadOf(one.opening()).subarray(0, 4),
      Uint8Array.of(2),
      new Uint8Array(32),
    ]);
    assert.throws(() => callee().readOpening(before), /speaks version 2 of the member protocol/);
  });

  it('reads a refusal for a reason that only a later version knows', () => {
    const answer = decodeAnswer(Uint8Array.of(1, 200, 3, 97, 98, 99));
    assert.deepEqual(answer, { welcome: false, code: 'refused', reason: 'abc' });
  });

  itHoldsForSeeds('is refused with a bit flipped, cut short or made longer anywhere', 2, [], (seed) => {
    const random = new Prng(seed);
    const at = { caller: nonce(), callee: nonce() };
    const good = greet(caller(secret, at.caller), callee(secret, at.callee));
    const tries: readonly (readonly [Uint8Array, (bytes: Uint8Array) => void])[] = [
      [good.challenge, (bytes) => caller(secret, at.caller).take(bytes)],
      [
        good.claims,
        (bytes) => {
          const two = callee(secret, at.callee);
          two.readOpening(good.opening);
          two.readClaims(bytes);
        },
      ],
      [
        good.answer,
        (bytes) => {
          const one = caller(secret, at.caller);
          one.take(good.challenge);
          one.take(bytes);
        },
      ],
    ];
    for (const [bytes, take] of tries) {
      take(bytes);
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = new Uint8Array(bytes);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        assert.throws(() => take(flipped), isRefused, `bit ${bit}`);
      }
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => take(bytes.subarray(0, length)), isRefused, `${length} bytes`);
      }
      assert.throws(() => take(Buffer.concat([bytes, Buffer.alloc(1)])), isRefused);
      for (let count = 0; count < 200; count++) {
        const noise = Uint8Array.from({ length: randomInt(random, 200) }, () => randomInt(random, 256));
        assert.throws(() => take(noise), isRefused);
      }
    }
    // The opening holds no proof: what is wrong with it shows in the claims.
    for (let bit = 0; bit < good.opening.length * 8; bit++) {
      const flipped = new Uint8Array(good.opening);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => {
        const two = callee(secret, at.callee);
        two.readOpening(flipped);
        two.readClaims(good.claims);
      }, isRefused);
    }
  });
});

function isRefused(error: unknown): boolean {
  return (
    error instanceof UnprovenError || error instanceof MalformedBytesError || error instanceof VersionError
  );
}
