import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeUtf8, encodeUtf8 } from '../../base/bytes.js';
import { Metadata } from '../../base/metadata.js';
import type { AnswerMaker, CallContext, UnaryCompletion } from '../../base/rpc.js';
import { RangeRequest, RangeResponse } from '../../generated/kvorum.js';
import type { Member } from '../../member/types.js';
import { put } from '../../member/testing/key-values.js';
import { MemoryCluster } from '../../member/testing/memory-cluster.js';
import { makeApiLimits, type ApiLimits } from '../limits.js';
import { pagesGatheredMax } from './page-turns.js';
import { store } from './store.js';

const none = new Uint8Array(0);

/** What carries calls: it counts what is held, and asks for answers when `hasRoom`. */
class Carrier {
  readonly connection = {};
  hasRoom = true;
  /** Of pages that are not answered yet. */
  heldBytes = 0;
  heldBytesMost = 0;
  /** Some page holds something, and goes on. */
  grown = (): void => {};
  readonly #waiting: AnswerMaker[] = [];
  readonly #call: (request: Uint8Array, context: CallContext, completion: UnaryCompletion) => unknown;

  constructor(member: Member, limits: Partial<ApiLimits>) {
    const method = store(member, makeApiLimits(limits)).methods.find(({ name }) => name === 'Range');
    assert.ok(method?.kind === 'unary');
    this.#call = (request, context, completion) => method.call(request, context, completion);
  }

  letGo(): void {
    this.hasRoom = true;
    for (const maker of this.#waiting.splice(0)) maker.makeAnswer();
  }

  page(wanted: Partial<RangeRequest>, caller: { readonly cutShort?: Error } = {}): Promise<RangeResponse> {
    const zero = { start: none, end: none, limit: 0, revision: 0n, keysOnly: false, serializable: false };
    let held = 0;
    const context: CallContext = {
      signal: new AbortController().signal,
      timeoutMs: undefined,
      metadata: new Metadata(),
      responseMetadata: new Metadata(),
      trailers: new Metadata(),
      connection: this.connection,
      room: () => undefined,
      get cutShort() {
        return caller.cutShort;
      },
      gathered: (sizeBytes) => {
        held += sizeBytes;
        this.heldBytes += sizeBytes;
        this.heldBytesMost = Math.max(this.heldBytesMost, this.heldBytes);
        this.grown();
      },
    };
    return new Promise((resolve, reject) => {
      const completion: UnaryCompletion = {
        resolve: (bytes) => {
          this.heldBytes -= held;
          resolve(RangeResponse.decode(bytes));
        },
        reject: (error) => {
          this.heldBytes -= held;
          reject(error instanceof Error ? error : new Error(String(error)));
        },
        resolveWith: (maker) => {
          if (!this.hasRoom) this.#waiting.push(maker);
          else {
            const bytes = maker.makeAnswer();
            if (bytes !== undefined) completion.resolve(bytes);
          }
        },
      };
      this.#call(RangeRequest.encode({ ...zero, ...wanted }).finish(), context, completion);
    });
  }
}

async function filled(count: number): Promise<{ cluster: MemoryCluster; member: Member }> {
  const cluster = await MemoryCluster.of(1, 13, { readSliceUnits: 5 });
  const { member } = cluster.machines[0]!;
  for (let at = 0; at < count; at++) await cluster.settled(put(member, keyOf(at), 'v'.repeat(1000)));
  return { cluster, member };
}

const keyOf = (at: number): string => `key ${String(at).padStart(3, '0')}`;

describe('pages of Range', () => {
  it('end when they were work enough, and say where the next one begins', async () => {
    const { cluster, member } = await filled(40);
    // Nothing of what is written later is in the listing, and most pages pass it over.
    const { revision } = member.status();
    for (let at = 0; at < 200; at++) await cluster.settled(put(member, `key 010 ${at}`, 'later'));
    const carrier = new Carrier(member, { rangeUnitsMax: 25 });
    const keys: string[] = [];
    let [pages, empty] = [0, 0];
    let start: Uint8Array = none;
    for (;;) {
      const page = await cluster.settled(carrier.page({ start, revision: BigInt(revision) }));
      keys.push(...page.pairs.map(({ key }) => decodeUtf8(key)));
      pages++;
      if (page.pairs.length === 0) empty++;
      assert.equal(page.next.length > 0, page.more);
      assert.equal(page.revision, BigInt(revision));
      if (!page.more) break;
      start = page.next;
    }
    assert.deepEqual(
      keys,
      Array.from({ length: 40 }, (_, at) => keyOf(at)),
    );
    assert.ok(pages > 8 && empty > 4, `${pages} pages, ${empty} of them empty`);
    assert.equal(carrier.heldBytes, 0);
  });

  it('grow few at a time, whoever asks for how many, and what they hold is counted', async () => {
    const { cluster, member } = await filled(40);
    const carrier = new Carrier(member, {});
    const pages = Array.from({ length: 4 * pagesGatheredMax }, () => carrier.page({}));
    const answers = await cluster.settled(Promise.all(pages));
    assert.ok(answers.every(({ pairs, more }) => pairs.length === 40 && !more));
    const pageSizeBytes = 40 * (1000 + keyOf(0).length);
    assert.ok(carrier.heldBytesMost > pageSizeBytes, `${carrier.heldBytesMost} bytes`);
    assert.ok(carrier.heldBytesMost <= pagesGatheredMax * pageSizeBytes, `${carrier.heldBytesMost} bytes`);
    assert.equal(carrier.heldBytes, 0);
  });

  it('wait for room without keeping others from growing', async () => {
    const { cluster, member } = await filled(5);
    const carrier = new Carrier(member, {});
    carrier.hasRoom = false;
    const slow = Array.from({ length: 2 * pagesGatheredMax }, () => carrier.page({}));
    await cluster.clock.advanceAsync(100);
    carrier.hasRoom = true;
    assert.equal((await cluster.settled(carrier.page({}))).pairs.length, 5);
    carrier.letGo();
    assert.equal((await cluster.settled(Promise.all(slow))).length, 2 * pagesGatheredMax);
  });

  it('are not gone on with once their caller has gone', async () => {
    const { cluster, member } = await filled(40);
    const carrier = new Carrier(member, {});
    const caller: { cutShort?: Error } = {};
    carrier.grown = () => {
      caller.cutShort = new Error('the connection was lost');
    };
    const pages = Array.from({ length: pagesGatheredMax }, () => carrier.page({}, caller));
    const settled = Promise.allSettled(pages);
    const other = carrier.page({ start: encodeUtf8(keyOf(30)) });
    assert.equal((await cluster.settled(other)).pairs.length, 10);
    for (const each of await settled) {
      assert.equal(each.status === 'rejected' && (each.reason as { code: string }).code, 'CANCELLED');
    }
  });
});
