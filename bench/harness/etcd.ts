import { spawnSync } from 'node:child_process';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Calls } from './calls.js';
import { endpointOf, type KeyValueApi, type MemberPlan, type System } from './system.js';

/** One level of a message: the last value of each field; enough for the few answers that are read here. */
function decodeFields(message: Uint8Array): ReadonlyMap<number, bigint | Uint8Array> {
  const fields = new Map<number, bigint | Uint8Array>();
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType === WireType.Varint) fields.set(field, BigInt(reader.uint64()));
    else if (wireType === WireType.LengthDelimited) fields.set(field, reader.bytes());
    else reader.skip(wireType);
  }
  return fields;
}

function number(fields: ReadonlyMap<number, bigint | Uint8Array>, field: number): bigint {
  const value = fields.get(field);
  return typeof value === 'bigint' ? value : 0n;
}

function message(fields: ReadonlyMap<number, bigint | Uint8Array>, field: number): Uint8Array {
  const value = fields.get(field);
  return value instanceof Uint8Array ? value : new Uint8Array();
}

/** PutRequest and RangeRequest have their key in field 1, RangeResponse its pairs in field 2. */
export const etcdApi: KeyValueApi = {
  putMethod: '/etcdserverpb.KV/Put',
  getMethod: '/etcdserverpb.KV/Range',
  encodePut: (key, value) => new BinaryWriter().uint32(10).string(key).uint32(18).string(value).finish(),
  encodeGet: (key) => new BinaryWriter().uint32(10).string(key).finish(),
  decodeGet: (answer) => {
    const pair = decodeFields(answer).get(2);
    if (!(pair instanceof Uint8Array)) return undefined;
    return Buffer.from(message(decodeFields(pair), 5)).toString();
  },
};

/** A transaction of puts alone: TxnRequest.success (2) of RequestOp.request_put (2). */
export function encodePutTransaction(pairs: readonly (readonly [string, string])[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [key, value] of pairs) {
    writer.uint32(18).fork().uint32(18).bytes(etcdApi.encodePut(key, value)).join();
  }
  return writer.finish();
}

/** Room for the versions of all rounds, which nobody compacts meanwhile; the default is 2 GiB. */
const quotaBytes = 16 * 1024 ** 3;

/** About as many pairs as Kvorum puts into one answer. */
const pagePairs = 1000;
const readTimeoutMs = 60_000;

/** Debian's etcd with its (durable) default settings. */
export function etcd(name = 'etcd'): System {
  const calls = new Calls();
  const printed = spawnSync('etcd', ['--version'], { encoding: 'utf8' });
  if (printed.status !== 0) {
    throw new Error("etcd does not run here; install Debian's package etcd-server");
  }
  return {
    name,
    version: /^etcd Version: (\S+)/m.exec(printed.stdout)?.[1] ?? 'unknown',
    api: etcdApi,
    client: { library: 'etcd3', root: '' },
    bulkLibrary: 'etcd-transactions',
    foundsTogether: true,
    endsCleanly: false,
    program: (member, plan) => ({
      command: 'etcd',
      args: [
        `--name=${member.name}`,
        `--data-dir=${member.folder}`,
        `--listen-client-urls=http://${endpointOf(member)}`,
        `--advertise-client-urls=http://${endpointOf(member)}`,
        `--listen-peer-urls=${peerUrl(member)}`,
        `--initial-advertise-peer-urls=${peerUrl(member)}`,
        `--initial-cluster=${plan.map((each) => `${each.name}=${peerUrl(each)}`).join(',')}`,
        `--initial-cluster-state=${member.joins ? 'existing' : 'new'}`,
        `--quota-backend-bytes=${quotaBytes}`,
        '--logger=zap',
      ],
    }),
    state: async (endpoint) => {
      const status = await calls.call(endpoint, '/etcdserverpb.Maintenance/Status', new Uint8Array());
      const fields = decodeFields(status);
      const header = decodeFields(message(fields, 1));
      return {
        id: number(header, 2),
        leaderId: number(fields, 4),
        voter: number(fields, 10) === 0n,
        revision: Number(number(header, 3)),
      };
    },
    admit: async (endpoint, member) => {
      const request = new BinaryWriter().uint32(10).string(peerUrl(member)).finish();
      await calls.call(endpoint, '/etcdserverpb.Cluster/MemberAdd', request);
    },
    compact: async (endpoint, revision) => {
      const request = new BinaryWriter().uint32(8).int64(revision).finish();
      await calls.call(endpoint, '/etcdserverpb.KV/Compact', request);
    },
    list: (endpoint, revision) => listAll(calls, endpoint, revision),
    count: async (endpoint) => {
      const request = everyKey().uint32(72).bool(true).finish();
      await calls.call(endpoint, '/etcdserverpb.KV/Range', request, readTimeoutMs);
    },
    close: () => calls.close(),
  };
}

/** RangeRequest: `range_end` (2) of a zero byte is the end of all keys. */
function everyKey(first: Uint8Array = Uint8Array.of(0)): BinaryWriter {
  return new BinaryWriter().uint32(10).bytes(first).uint32(18).bytes(Uint8Array.of(0));
}

/** Page by page at one revision, as Kubernetes does: limit (3), revision (4). */
async function listAll(calls: Calls, endpoint: string, revision: number): Promise<void> {
  let at = revision;
  for (let first: Uint8Array | undefined = Uint8Array.of(0); first !== undefined;) {
    const request = everyKey(first).uint32(24).int64(pagePairs).uint32(32).int64(at).finish();
    const answer = decodeFields(await calls.call(endpoint, '/etcdserverpb.KV/Range', request, readTimeoutMs));
    if (at === 0) at = Number(number(decodeFields(message(answer, 1)), 3));
    const lastKey = message(decodeFields(message(answer, 2)), 1);
    first = number(answer, 3) === 0n ? undefined : Buffer.concat([lastKey, Uint8Array.of(0)]);
  }
}

function peerUrl(member: MemberPlan): string {
  return `http://127.0.0.1:${member.peerPort}`;
}
