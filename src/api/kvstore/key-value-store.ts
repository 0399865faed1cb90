import { isUtf8 } from 'node:buffer';
import { checkMemberName, parseHostPort } from '../../base/address.js';
import { KvorumError } from '../../base/errors.js';
import { unary, type BoundUnaryMethod, type Service } from '../../base/rpc.js';
import type { CommandResult } from '../../fsm/command.js';
import { JoinRequest, JoinResponse } from '../../generated/kvstore.js';
import { DeleteRequest, GetRequest, GetResponse, SetRequest } from '../../generated/kvstore_bytes.js';
import type { Member } from '../../member/types.js';
import type { ApiLimits } from '../limits.js';
import { decodeMessage, encodeMessage } from '../message.js';
import { checkKey, checkUtf8, checkValue, expectResult, showKey } from './rules.js';

/** `proto.KeyValueStore`, the original's service. Strings stay bytes from the request to the store. */
export function keyValueStore(member: Member, limits: ApiLimits): Service {
  return {
    name: 'proto.KeyValueStore',
    methods: [set(member, limits), get(member, limits), remove(member, limits), join(member)],
  };
}

/** SetResponse and DeleteResponse with `ok = true`: field 1, varint 1. */
const okBytes = Uint8Array.of(0x08, 0x01);

/** Handlers of writes wait with one function for all calls: no state of their own is kept for each. */
function wasPut(result: CommandResult): undefined {
  expectResult('put', result);
}

function wasDeleted(result: CommandResult): undefined {
  expectResult('delete-range', result);
}

function checkStringKey(key: Uint8Array, limits: ApiLimits): void {
  checkKey('key', key, limits);
  checkUtf8('INVALID_KEY', 'key', key);
}

function set(member: Member, limits: ApiLimits): BoundUnaryMethod {
  return unary<SetRequest, undefined>({
    kind: 'unary',
    name: 'Set',
    decodeRequest: (bytes) => decodeMessage(SetRequest, 'SetRequest', bytes),
    encodeResponse: () => okBytes,
    handle({ key, value }, context) {
      checkStringKey(key, limits);
      checkValue('value', value, limits);
      checkUtf8('INVALID_VALUE', 'value', value);
      return member.write({ type: 'put', key, value, lease: 0n, previous: false }, context).then(wasPut);
    },
  });
}

function get(member: Member, limits: ApiLimits): BoundUnaryMethod {
  return unary<GetRequest, GetResponse>({
    kind: 'unary',
    name: 'Get',
    decodeRequest: (bytes) => decodeMessage(GetRequest, 'GetRequest', bytes),
    encodeResponse: (response) => encodeMessage(GetResponse, response),
    async handle({ key }, context) {
      checkStringKey(key, limits);
      const { items } = await member.range({ key, revision: 0, limit: 1 }, context);
      const pair = items[0];
      if (pair === undefined) throw new KvorumError('KEY_NOT_FOUND', `key ${showKey(key)} not found`);
      if (!isUtf8(pair.value)) {
        // Written as bytes by another service. A `string` that is no UTF-8 would break the caller's decoder.
        throw new KvorumError(
          'INVALID_VALUE',
          `the value of key ${showKey(key)} is not valid UTF-8: read it as bytes, through kvorum.v1.Store`,
        );
      }
      return { value: pair.value };
    },
  });
}

function remove(member: Member, limits: ApiLimits): BoundUnaryMethod {
  return unary<DeleteRequest, undefined>({
    kind: 'unary',
    name: 'Delete',
    decodeRequest: (bytes) => decodeMessage(DeleteRequest, 'DeleteRequest', bytes),
    encodeResponse: () => okBytes,
    handle({ key }, context) {
      checkStringKey(key, limits);
      const command = { type: 'delete-range', key, end: undefined, previous: false } as const;
      return member.write(command, context).then(wasDeleted);
    },
  });
}

function join(member: Member): BoundUnaryMethod {
  return unary<JoinRequest, JoinResponse>({
    kind: 'unary',
    name: 'Join',
    decodeRequest: (bytes) => decodeMessage(JoinRequest, 'JoinRequest', bytes),
    encodeResponse: (response) => encodeMessage(JoinResponse, response),
    async handle({ nodeId, raftAddr, memberId }, context) {
      checkMemberName('node_id', nodeId);
      parseHostPort('raft_addr', raftAddr);
      const answer = await member.join({ name: nodeId, peerAddress: raftAddr, id: memberId }, context);
      return {
        ok: true,
        clusterId: answer.clusterId,
        memberId: answer.id,
        members: answer.members.map((record) => ({
          memberId: record.id,
          nodeId: record.name,
          raftAddr: record.peerAddress,
          clientAddr: record.clientAddress,
        })),
      };
    },
  });
}
