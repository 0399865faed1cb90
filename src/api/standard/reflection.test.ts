import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { DescriptorIndex } from './descriptor-index.js';
import { ownDescriptors } from './descriptors.js';

function names(files: Uint8Array[] | undefined): string[] | undefined {
  return files?.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

describe('DescriptorIndex', () => {
  const own = new DescriptorIndex(ownDescriptors());

  it('finds files by services, methods, messages, fields and enums', () => {
    for (const symbol of [
      'proto.KeyValueStore',
      'proto.KeyValueStore.Set',
      'proto.SetRequest',
      'proto.SetRequest.key',
    ]) {
      assert.deepEqual(names(own.bySymbol(symbol)), ['kvstore.proto'], symbol);
    }
    const health = ['grpc/health/v1/health.proto'];
    assert.deepEqual(names(own.bySymbol('grpc.health.v1.HealthCheckResponse.ServingStatus')), health);
    assert.deepEqual(names(own.byFileName('grpc/health/v1/health.proto')), health);
    assert.equal(own.bySymbol('proto.Nothing'), undefined);
    assert.equal(own.byFileName('nothing.proto'), undefined);
    // The same messages once more, for the server's own use.
    assert.equal(own.byFileName('kvstore_bytes.proto'), undefined);
  });

  it('adds what a file imports, each once, and finds extensions', () => {
    const file = (
      name: string,
      dependency: string[],
      content: Record<string, unknown>,
    ): ReturnType<typeof create<typeof FileDescriptorProtoSchema>> =>
      create(FileDescriptorProtoSchema, { name, package: 'p', syntax: 'proto2', dependency, ...content });
    const range = { start: 100, end: 200 };
    const set = create(FileDescriptorSetSchema, {
      file: [
        file('base.proto', [], { messageType: [{ name: 'Base', extensionRange: [range] }] }),
        file('middle.proto', ['base.proto'], { messageType: [{ name: 'Middle' }] }),
        file('top.proto', ['middle.proto', 'base.proto'], {
          extension: [{ name: 'extra', number: 123, label: 1, type: 5, extendee: '.p.Base' }],
        }),
      ],
    });
    const index = new DescriptorIndex(toBinary(FileDescriptorSetSchema, set));
    const all = ['top.proto', 'middle.proto', 'base.proto'];
    assert.deepEqual(names(index.byFileName('top.proto')), all);
    assert.deepEqual(names(index.byExtension('p.Base', 123)), all);
    assert.deepEqual(names(index.bySymbol('p.extra')), all);
    assert.equal(index.byExtension('p.Base', 124), undefined);
    assert.deepEqual(index.extensionNumbers('p.Base'), [123]);
    assert.deepEqual(index.extensionNumbers('p.Middle'), []);
    assert.equal(index.extensionNumbers('p.Nothing'), undefined);
  });
});
