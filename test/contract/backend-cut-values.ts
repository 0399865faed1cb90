import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { BackendKind } from './backend-kind.js';

/** Ranges that want little of each value. */
export function cutValuesContract(kind: BackendKind): void {
  it(`${kind.name} may cut values off where little of them is wanted, and no key`, async () => {
    const backend = await kind.create();
    const sizes = [0, 1, 56, 57, 58, 16_379, 16_380, 16_381, 16_384, 100_000, 16 * 1024 * 1024];
    const valueOf = (size: number): Uint8Array => Buffer.alloc(size, `value ${size} `);
    const keyOf = (at: number): Uint8Array =>
      Buffer.alloc(at % 3 === 0 ? 5000 : 5, String.fromCharCode(97 + at));
    sizes.forEach((size, at) => backend.put('current', keyOf(at), valueOf(size)));
    backend.commit({ index: 1, term: 1 });
    for (const flushed of [false, true]) {
      if (flushed) await backend.flush();
      for (const valueBytesMax of [57, 16_364]) {
        const rows = [...backend.range('current', { valueBytesMax })];
        assert.equal(rows.length, sizes.length);
        rows.forEach(({ key, value, wholeSizeBytes }, at) => {
          const [size, whole] = [sizes[at]!, valueOf(sizes[at]!)];
          assert.ok(keyOf(at).every((byte, nth) => key[nth] === byte) && key.length === keyOf(at).length);
          assert.ok(value.length === size || value.length === valueBytesMax, `${value.length} of ${size}`);
          assert.ok(Buffer.from(value).equals(whole.subarray(0, value.length)));
          assert.equal(wholeSizeBytes ?? value.length, size);
        });
      }
    }
    await backend.close();
  });
}
