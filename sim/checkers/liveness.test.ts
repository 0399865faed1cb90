import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { perfectNetwork } from '../../src/peer/memory-network.js';
import { Liveness, type CallEnd, type CallKind, type Standing } from './liveness.js';
import { livenessBounds, snapshotMsMax, type Pace } from './liveness-bounds.js';

const bounds = {
  electionMs: 4000,
  catchUpMs: 3000,
  serveMs: 1000,
  reportMs: 200,
  unableMs: 500,
  hungMs: 600,
  leaveOfficeMs: 900,
  endMs: 100,
  clockSlowness: 1.25,
};

const life = 'n1.1';
const fine: Standing = {
  life,
  runs: true,
  healthy: true,
  led: true,
  behind: false,
  joined: true,
  transferMs: 0,
  appliedIndex: 7,
  ownWrites: Infinity,
  serving: true,
  diskSinceMs: undefined,
  replaceable: false,
  slowerMs: 0,
};

/** One member that is looked at every 100 ms. */
class Watch {
  nowMs = 0;
  readonly violations: string[] = [];
  readonly liveness = new Liveness(bounds, (which, what) => this.violations.push(`${which} ${what}`));

  /** For so long this is true of it. @returns what was violated meanwhile, each once */
  goesOn(forMs: number, ...standings: Partial<Standing>[]): string[] {
    this.violations.length = 0;
    const all = standings.length === 0 ? [{}] : standings;
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs;) {
      this.liveness.look(
        this.nowMs,
        all.map((each) => ({ ...fine, ...each })),
      );
      this.nowMs += 100;
    }
    return [...new Set(this.violations)];
  }

  call(id: number, kind: CallKind, timeoutMs = 10_000): void {
    this.liveness.begun(life, id, { kind, arrivedMs: this.nowMs, timeoutMs });
  }

  /** @returns what was violated by that */
  end(id: number, how: CallEnd, kind: CallKind = 'write'): readonly string[] {
    this.violations.length = 0;
    if (how === 'served') this.liveness.served(life, kind, this.nowMs);
    this.liveness.ended(life, id, how, this.nowMs);
    return this.violations;
  }
}

describe('a healthy member', () => {
  it('is led within the time that elections take', () => {
    const watch = new Watch();
    assert.deepEqual(watch.goesOn(4000, { led: false }), []);
    assert.deepEqual(watch.goesOn(200, { led: false }), ['n1.1 has no leader']);
  });

  it('may be without a leader as long as a fault strikes again and again', () => {
    const watch = new Watch();
    for (let round = 0; round < 5; round++) {
      assert.deepEqual(watch.goesOn(3000, { led: false }), []);
      watch.liveness.disturb();
    }
    assert.deepEqual(watch.goesOn(3000, { led: false, healthy: false }), []);
    assert.deepEqual(watch.goesOn(4000, { led: false }), []);
  });

  it('catches up, step by step, with the time that a snapshot takes', () => {
    const watch = new Watch();
    for (let index = 1; index < 10; index++)
      assert.deepEqual(watch.goesOn(2500, { behind: true, appliedIndex: index }), []);
    assert.deepEqual(watch.goesOn(4000, { behind: true, appliedIndex: 10, transferMs: 1000 }), []);
    const stuck = watch.goesOn(200, { behind: true, appliedIndex: 10, transferMs: 1000 });
    assert.deepEqual(stuck, ['n1.1 does not catch up']);
  });

  it('serves a call that waits', () => {
    const watch = new Watch();
    watch.call(1, 'read');
    assert.deepEqual(watch.goesOn(1000, { serving: false }), []);
    const found = watch.goesOn(100, { serving: false });
    assert.deepEqual(found, ['n1.1 could serve, and a read waits']);
  });

  it('has not served one that it gives up', () => {
    const watch = new Watch();
    watch.goesOn(100);
    watch.call(1, 'write');
    assert.deepEqual(watch.goesOn(900, { serving: false }), []);
    watch.nowMs += 50;
    assert.deepEqual(watch.end(1, 'not-served'), []);
    watch.call(2, 'write');
    watch.nowMs += 1000;
    assert.deepEqual(watch.end(2, 'not-served'), ['n1.1 could serve, and a write waits']);
    watch.call(3, 'write');
    watch.nowMs += 1000;
    assert.deepEqual(watch.end(3, 'refused'), []);
  });

  it('is given more time where others are served meanwhile, or it lags, or its links are slow', () => {
    const watch = new Watch();
    watch.call(1, 'write');
    for (let id = 2; id < 6; id++) {
      watch.call(id, 'write');
      assert.deepEqual(watch.goesOn(400), []);
      watch.end(id, 'served');
    }
    assert.deepEqual(watch.goesOn(900, { behind: true, serving: false }), []);
    assert.deepEqual(watch.goesOn(900, { joined: false, serving: false }), []);
    assert.deepEqual(watch.goesOn(1000, { serving: false }), []);
    assert.deepEqual(watch.goesOn(500, { serving: false, slowerMs: 500 }), []);
    const found = watch.goesOn(100, { serving: false, slowerMs: 500 });
    assert.deepEqual(found, ['n1.1 could serve, and a write waits']);
  });

  it('says so soon', () => {
    const watch = new Watch();
    assert.deepEqual(watch.goesOn(1200, { serving: false }), []);
    assert.deepEqual(watch.goesOn(100, { serving: false }), ['n1.1 could serve, and says that it does not']);
    assert.deepEqual(watch.goesOn(5000), []);
  });
});

describe('any member', () => {
  it('does not say that it serves while a call waits and none is served', () => {
    const watch = new Watch();
    const cutOff = { healthy: false, led: false };
    watch.call(1, 'write');
    assert.deepEqual(watch.goesOn(500, cutOff), []);
    watch.end(1, 'served');
    watch.call(2, 'write');
    assert.deepEqual(watch.goesOn(500, cutOff), []);
    assert.deepEqual(watch.goesOn(100, cutOff), ['n1.1 says that it serves, and a write waits']);
    assert.deepEqual(watch.goesOn(2000, { ...cutOff, serving: false }), []);
  });

  it('serves while writes of its own are answered that nobody waits for', () => {
    const watch = new Watch();
    watch.call(1, 'write');
    for (const ownWrites of [3, 4, 5]) {
      assert.deepEqual(watch.goesOn(400, { healthy: false, led: false, ownWrites }), []);
    }
    const waits = watch.goesOn(200, { healthy: false, led: false, ownWrites: 5 });
    assert.deepEqual(waits, ['n1.1 says that it serves, and a write waits']);
  });

  it('need not know how long it was stopped', () => {
    const watch = new Watch();
    watch.call(1, 'write', 500);
    assert.deepEqual(watch.goesOn(9000, { runs: false, healthy: false }), []);
    assert.deepEqual(watch.goesOn(500, { healthy: false }), []);
  });

  it('ends each call when its time is up, by the slowest clock', () => {
    const watch = new Watch();
    const cutOff = { healthy: false, led: false, serving: false };
    watch.call(1, 'read', 800);
    assert.deepEqual(watch.goesOn(1100, cutOff), []);
    assert.deepEqual(watch.goesOn(100, cutOff), ['n1.1 has a read whose time is up']);
    watch.end(1, 'lost');
    assert.deepEqual(watch.goesOn(1000, cutOff), []);
  });

  it('gives up leading when its disk hangs, if others can, and does not say that it serves', () => {
    const watch = new Watch();
    const hung = { healthy: false, led: false, diskSinceMs: 0 };
    assert.deepEqual(watch.goesOn(600, hung), []);
    assert.deepEqual(watch.goesOn(100, hung), ['n1.1 says that it serves, and its disk hangs']);
    assert.deepEqual(watch.goesOn(1000, { ...hung, serving: false }), []);
    const leads = watch.goesOn(100, { ...hung, serving: false, replaceable: true });
    assert.deepEqual(leads, ['n1.1 leads, and its disk hangs']);
  });

  it('is another when it has been started again', () => {
    const watch = new Watch();
    assert.deepEqual(watch.goesOn(3900, { led: false }), []);
    assert.deepEqual(watch.goesOn(3900, { life: 'n1.2', led: false }), []);
  });
});

describe('the bounds of liveness', () => {
  const pace: Pace = {
    options: {
      heartbeatIntervalMs: 100,
      electionTimeoutMs: 1000,
      snapshotChunkSizeBytes: 100,
      snapshotViewsMax: 2,
    },
    network: { ...perfectNetwork, latencyMsMax: 1 },
    disk: {
      syncMsMin: 0,
      syncMsMax: 0,
      writeDelayProbability: 0,
      reportDelayProbability: 0,
      installMsMax: 0,
      viewMsMax: 0,
      flushIntervalMsMin: 10,
      flushIntervalMsMax: 10,
      flushKeysMax: Infinity,
    },
    turnMsMax: 0,
    driftMax: 0,
  };

  it('grow with all that takes time, and are seconds where nothing does', () => {
    const { serveMs, electionMs } = livenessBounds(pace);
    assert.ok(serveMs > 2000 && serveMs < 3000, `${serveMs} ms`);
    assert.ok(electionMs > 10_000 && electionMs < 20_000, `${electionMs} ms`);
    const slower: Partial<Pace>[] = [
      { driftMax: 0.1 },
      { turnMsMax: 2 },
      { network: { ...pace.network, latencyMsMax: 50 } },
      { network: { ...pace.network, lossProbability: 0.01 } },
      { disk: { ...pace.disk, syncMsMax: 30 } },
      { disk: { ...pace.disk, flushIntervalMsMax: 500 } },
    ];
    for (const each of slower) assert.ok(livenessBounds({ ...pace, ...each }).serveMs > serveMs);
  });

  it('give a snapshot the time of all its chunks', () => {
    assert.equal(snapshotMsMax(pace, 10_000, 2), 200);
    assert.equal(snapshotMsMax(pace, 10_000, 3), 400);
    assert.equal(snapshotMsMax({ ...pace, disk: { ...pace.disk, installMsMax: 500 } }, 10_000, 1), 1200);
  });
});
