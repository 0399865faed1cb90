import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { grpcLimitDefaults } from './limits.js';
import { Seats, silenceMsMax } from './seats.js';
import { partsOf, Shares } from './shares.js';

describe('parts of a limit', () => {
  it('keep an eighth for newcomers, and of that the last part for reserved services', () => {
    assert.deepEqual(partsOf(16_384, 1 / 64), { max: 16_384, open: 14_336, unreserved: 16_128, few: 128 });
    assert.deepEqual(partsOf(10_000, 0), { max: 10_000, open: 8750, unreserved: 10_000, few: 78 });
  });

  it('keep nothing of a limit that is small', () => {
    assert.deepEqual(partsOf(3, 1 / 64), { max: 3, open: 3, unreserved: 3, few: 1 });
  });
});

describe('shares of running calls', () => {
  const limits = { ...grpcLimitDefaults, requestsInFlightMax: 1024, streamingCallsMax: 1024 };

  it('anyone takes what he likes of the open part; beyond it newcomers alone', () => {
    const shares = new Shares(limits);
    const hog = shares.of('10.0.0.1');
    const newcomer = shares.of('10.0.0.2');
    hog.unary = 896;
    assert.equal(shares.refusesUnary(895, hog, false), undefined);
    assert.match(
      shares.refusesUnary(896, hog, false)!.message,
      /^896 requests .*, 896 of them for this address; the rest is kept for others, the limit is 1024 \(requestsInFlightMax\)$/,
    );
    newcomer.unary = 7;
    assert.equal(shares.refusesUnary(1007, newcomer, false), undefined);
    newcomer.unary = 8;
    assert.notEqual(shares.refusesUnary(1007, newcomer, false), undefined);
  });

  it('while much is left, one who has some comes in too: up to half of what is left', () => {
    const shares = new Shares(limits);
    const busy = shares.of('10.0.0.1');
    busy.unary = 55;
    // 112 are left: 16 of the limit's last part are for reserved services.
    assert.equal(shares.refusesUnary(896, busy, false), undefined);
    busy.unary = 56;
    assert.match(shares.refusesUnary(896, busy, false)!.message, /56 of them for this address/);
    busy.streaming = 63;
    assert.equal(shares.refusesStreaming(896, busy), undefined);
    busy.streaming = 64;
    assert.notEqual(shares.refusesStreaming(896, busy), undefined);
  });

  it('the last part is for reserved services, of newcomers too', () => {
    const shares = new Shares(limits);
    const someone = shares.of('10.0.0.1');
    const hog = shares.of('10.0.0.2');
    hog.unary = 900;
    assert.notEqual(shares.refusesUnary(1008, someone, false), undefined);
    assert.equal(shares.refusesUnary(1023, someone, true), undefined);
    assert.notEqual(shares.refusesUnary(1023, hog, true), undefined);
    assert.notEqual(shares.refusesUnary(1024, someone, true), undefined);
  });

  it('streaming calls are shared the same way', () => {
    const shares = new Shares(limits);
    const hog = shares.of('10.0.0.1');
    hog.streaming = 896;
    assert.equal(shares.refusesStreaming(895, hog), undefined);
    assert.match(shares.refusesStreaming(896, hog)!.message, /streamingCallsMax/);
    assert.equal(shares.refusesStreaming(1023, shares.of('10.0.0.2')), undefined);
    assert.notEqual(shares.refusesStreaming(1024, shares.of('10.0.0.2')), undefined);
  });
});

describe('seats', () => {
  const limits = { ...grpcLimitDefaults, connectionsMax: 160 };

  function socketFrom(remoteAddress: string): Socket & { gone: boolean } {
    const socket = Object.assign(new EventEmitter(), {
      remoteAddress,
      gone: false,
      destroy: () => (socket.gone = true),
    });
    return socket as unknown as Socket & { gone: boolean };
  }

  /** One address with all that is open to anyone, each connection idle since its number. */
  function taken() {
    const shares = new Shares(limits);
    const seats = new Seats(shares);
    const left: number[] = [];
    const idleSinceMs = Array.from({ length: 140 }, (_none, nth) => 1000 - nth);
    for (let nth = 0; nth < 140; nth++) {
      const seat = seats.take(socketFrom('10.0.0.1'), 0);
      assert.ok(seat !== undefined);
      seat.shows({
        get idleSinceMs() {
          return idleSinceMs[nth]!;
        },
        giveWay: () => left.push(nth),
      });
    }
    return { shares, seats, left, idleSinceMs };
  }

  it('one address has all but an eighth, others come in up to connectionsMax', () => {
    const { seats } = taken();
    assert.equal(seats.take(socketFrom('10.0.0.1'), 0), undefined);
    for (let nth = 0; nth < 20; nth++) assert.ok(seats.take(socketFrom(`10.0.1.${nth}`), 0));
    assert.equal(seats.count, 160);
  });

  it('a newcomer takes the place that has been idle longest of who has most; busy ones stay', () => {
    const { shares, seats, left, idleSinceMs } = taken();
    for (let nth = 0; nth < 20; nth++) seats.take(socketFrom(`10.0.1.${nth}`), 0);
    idleSinceMs[139] = Infinity;
    assert.ok(seats.take(socketFrom('10.0.2.1'), 0));
    assert.deepEqual(left, [138]);
    assert.equal(seats.count, 160);
    idleSinceMs.fill(Infinity);
    assert.equal(seats.take(socketFrom('10.0.2.2'), 0), undefined);
    // It is not looked for at once again.
    idleSinceMs[5] = 0;
    assert.equal(seats.take(socketFrom('10.0.2.2'), 50), undefined);
    assert.ok(seats.take(socketFrom('10.0.2.2'), 100));
    assert.deepEqual(left, [138, 5]);
    assert.equal(shares.of('10.0.0.1').connectionCount, 138);
  });

  it('while few are left, or none, the heavier ones among the others come in too', () => {
    const { seats, left } = taken();
    const take = (address: string): boolean => seats.take(socketFrom(address), 0) !== undefined;
    // Half of the 20 that are left, then a quarter of what the heaviest still has.
    let count = 0;
    while (left.length === 0 && take('10.0.1.1')) count++;
    assert.equal(count, 8);
    assert.deepEqual(left, [139]);
    while (take('10.0.1.1')) count++;
    assert.equal(count, 30);
    assert.ok(take('10.0.1.2'));
  });

  it('where the heaviest has only busy ones, the next one has a place to give', () => {
    const { seats, left, idleSinceMs } = taken();
    const idle: string[] = [];
    for (let nth = 0; nth < 20; nth++) {
      const seat = seats.take(socketFrom('10.0.1.1'), 0);
      seat?.shows({ idleSinceMs: nth, giveWay: () => idle.push(`second ${nth}`) });
    }
    while (seats.count < 160) seats.take(socketFrom(`10.0.3.${seats.count}`), 0);
    idleSinceMs.fill(Infinity);
    left.length = 0;
    assert.ok(seats.take(socketFrom('10.0.2.1'), 1000));
    assert.deepEqual([left, idle], [[], ['second 0']]);
  });

  it('what says nothing goes first, and gives way to its own address too', () => {
    const shares = new Shares({ ...limits, connectionsMax: 4 });
    const seats = new Seats(shares);
    const sockets = [1, 2, 3, 4].map(() => socketFrom('10.0.0.1'));
    const held = sockets.map((socket) => seats.take(socket, 0)!);
    held[0]!.shows({ idleSinceMs: 0, giveWay: () => assert.fail() });
    assert.equal(seats.take(socketFrom('10.0.0.1'), silenceMsMax - 1), undefined);
    assert.ok(seats.take(socketFrom('10.0.0.1'), silenceMsMax));
    assert.ok(seats.take(socketFrom('10.0.0.2'), silenceMsMax));
    assert.deepEqual(
      sockets.map(({ gone }) => gone),
      [false, true, true, false],
    );
  });

  it('who has left is forgotten, when its calls have ended too', () => {
    const shares = new Shares(limits);
    const seats = new Seats(shares);
    const seat = seats.take(socketFrom('10.0.0.1'), 0)!;
    seat.share.unary++;
    seats.leave(seat);
    seats.leave(seat);
    assert.equal(shares.of('10.0.0.1'), seat.share);
    seat.share.unary--;
    shares.ended(seat.share);
    assert.equal(shares.clientCount, 0);
    assert.equal(shares.connectionCount, 0);
  });
});
