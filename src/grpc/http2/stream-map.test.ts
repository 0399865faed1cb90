import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { StreamMap } from './stream-map.js';
import type { Stream } from './stream.js';

/** The map looks at nothing but the id. */
function streamOf(id: number): Stream {
  return { id } as Stream;
}

function ids(streams: Iterable<Stream>): number[] {
  return Array.from(streams, ({ id }) => id).sort((a, b) => a - b);
}

describe('StreamMap', () => {
  it('holds what a Map would hold', () => {
    // Few ids that share their places in the table, and many.
    const id = fc
      .oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 2 ** 30 - 1 }))
      .map((n) => 2 * n + 1);
    const change = fc.record({ id, deletes: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 300 }), (changes) => {
        const map = new StreamMap();
        const twin = new Map<number, Stream>();
        for (const { id: which, deletes } of changes) {
          const known = twin.get(which);
          assert.equal(map.get(which), known);
          if (deletes) {
            map.delete(known ?? streamOf(which));
            twin.delete(which);
          } else if (known === undefined) {
            const stream = streamOf(which);
            map.add(stream);
            twin.set(which, stream);
          }
          assert.equal(map.size, twin.size);
        }
        assert.deepEqual(ids(map.values()), ids(twin.values()));
      }),
    );
  });

  it('grows to any size, and is as good as new when it is empty again', () => {
    const map = new StreamMap();
    const streams = Array.from({ length: 5000 }, (_none, at) => streamOf(2 * at + 1));
    for (let round = 0; round < 2; round++) {
      for (const stream of streams) map.add(stream);
      for (const stream of streams) assert.equal(map.get(stream.id), stream);
      for (const stream of streams) map.delete(stream);
      assert.equal(map.size, 0);
      assert.deepEqual(map.values(), []);
    }
  });

  /** Ids of streams in a row, and ids that a peer chose because they agree in their last bits. */
  for (const [name, step] of [
    ['in a row', 2],
    ['that agree in their last bits', 2 ** 18],
  ] as const) {
    it(`looks at few streams for each that comes or goes, with ids ${name}`, () => {
      let looked = 0;
      const count = 4096;
      const streams = Array.from({ length: count }, (_none, at) => {
        const id = at * step + 1;
        return {
          get id() {
            looked++;
            return id;
          },
        } as Stream;
      });
      const map = new StreamMap();
      for (const stream of streams) map.add(stream);
      for (const stream of streams) assert.equal(map.get(stream.id), stream);
      for (const stream of streams) map.delete(stream);
      assert.ok(looked < 40 * count, `${looked / count} looks for a stream`);
    });
  }
});
