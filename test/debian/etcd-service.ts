import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { BoundMethod, BoundStreamMethod, ResponseWriter, Service } from '../../src/base/rpc.js';

/**
 * As much of etcd's API as etcdctl needs to put, get and watch one key, kept in a map: a service for the gRPC
 * server to carry, not a store. Messages by the field numbers of etcd's rpc.proto and kv.proto.
 */
export function etcdServices(): Service[] {
  const store = new Store();
  const kv: BoundMethod[] = [
    { kind: 'unary', name: 'Put', call: (request) => store.put(readFields(request)) },
    { kind: 'unary', name: 'Range', call: (request) => store.range(readFields(request)) },
  ];
  const watch: BoundStreamMethod = {
    kind: 'bidi-stream',
    name: 'Watch',
    call: (requests, responses) => store.watch(requests, responses),
  };
  return [
    { name: 'etcdserverpb.KV', methods: kv },
    { name: 'etcdserverpb.Watch', methods: [watch] },
  ];
}

interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

interface Watcher {
  readonly key: string;
  readonly responses: ResponseWriter<Uint8Array>;
}

/** Of the first watch on a stream; etcdctl asks for one. */
const watchId = 0;

class Store {
  #revision = 1;
  readonly #keys = new Map<string, KeyValue>();
  readonly #watchers = new Set<Watcher>();

  put(fields: Fields): Uint8Array {
    const [key, value] = [bytesOf(fields, 1), bytesOf(fields, 2)];
    const name = Buffer.from(key).toString('latin1');
    const before = this.#keys.get(name);
    const modRevision = ++this.#revision;
    const createRevision = before?.createRevision ?? modRevision;
    const version = (before?.version ?? 0) + 1;
    const written = { key, value: Uint8Array.from(value), createRevision, modRevision, version };
    this.#keys.set(name, { ...written, key: Uint8Array.from(key) });
    for (const watcher of this.#watchers) {
      if (watcher.key === name) watcher.responses.write(this.#watchResponse(false, written));
    }
    return this.#header().finish();
  }

  range(fields: Fields): Uint8Array {
    const found = this.#keys.get(Buffer.from(bytesOf(fields, 1)).toString('latin1'));
    const response = this.#header();
    if (found === undefined) return response.finish();
    return response.uint32(tag(2, 2)).bytes(keyValue(found)).uint32(tag(4, 0)).int64(1).finish();
  }

  async watch(requests: AsyncIterable<Uint8Array>, responses: ResponseWriter<Uint8Array>): Promise<void> {
    const watchers: Watcher[] = [];
    try {
      for await (const request of requests) {
        const create = readFields(request).get(1);
        if (!(create instanceof Uint8Array)) continue;
        const key = Buffer.from(bytesOf(readFields(create), 1)).toString('latin1');
        const watcher = { key, responses };
        watchers.push(watcher);
        this.#watchers.add(watcher);
        responses.write(this.#watchResponse(true));
      }
    } finally {
      for (const watcher of watchers) this.#watchers.delete(watcher);
    }
  }

  #header(): BinaryWriter {
    const header = new BinaryWriter().uint32(tag(3, 0)).int64(this.#revision).finish();
    return new BinaryWriter().uint32(tag(1, 2)).bytes(header);
  }

  #watchResponse(created: boolean, put?: KeyValue): Uint8Array {
    const response = this.#header().uint32(tag(2, 0)).int64(watchId).uint32(tag(3, 0)).bool(created);
    if (put !== undefined) {
      const event = new BinaryWriter().uint32(tag(2, 2)).bytes(keyValue(put)).finish();
      response.uint32(tag(11, 2)).bytes(event);
    }
    return response.finish();
  }
}

function keyValue({ key, value, createRevision, modRevision, version }: KeyValue): Uint8Array {
  return new BinaryWriter()
    .uint32(tag(1, 2))
    .bytes(key)
    .uint32(tag(2, 0))
    .int64(createRevision)
    .uint32(tag(3, 0))
    .int64(modRevision)
    .uint32(tag(4, 0))
    .int64(version)
    .uint32(tag(5, 2))
    .bytes(value)
    .finish();
}

function tag(field: number, wireType: 0 | 2): number {
  return (field << 3) | wireType;
}

/** By number; of a field that comes more than once, the last. */
type Fields = ReadonlyMap<number, Uint8Array | undefined>;

function readFields(message: Uint8Array): Fields {
  const fields = new Map<number, Uint8Array | undefined>();
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType === WireType.LengthDelimited) fields.set(field, reader.bytes());
    else {
      reader.skip(wireType, field);
      fields.set(field, undefined);
    }
  }
  return fields;
}

function bytesOf(fields: Fields, field: number): Uint8Array {
  return fields.get(field) ?? new Uint8Array(0);
}
