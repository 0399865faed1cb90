import { isUtf8 } from 'node:buffer';
import { checkMemberName, checkReachable } from '../../base/address.js';
import type { Completion } from '../../base/completion.js';
import { echoed } from '../../base/echo.js';
import { KvorumError } from '../../base/errors.js';
import { firstLevels } from '../../base/feature-levels.js';
import {
  unary,
  type AnswerMaker,
  type BoundUnaryMethod,
  type Service,
  type UnaryCompletion,
} from '../../base/rpc.js';
import type { CommandResult } from '../../fsm/command.js';
import { JoinRequest, JoinResponse } from '../../generated/kvstore.js';
import type { Member } from '../../member/types.js';
import type { ApiLimits } from '../limits.js';
import { decodeMessage, encodeMessage } from '../message.js';
import {
  decodeDeleteRequest,
  decodeGetRequest,
  decodeSetRequest,
  encodeGetResponse,
} from './key-value-messages.js';
import { checkKey, checkUtf8, checkValue, expectResult } from './rules.js';

/** `proto.KeyValueStore`, the original's service. Strings stay bytes from the request to the store. */
export function keyValueStore(member: Member, limits: ApiLimits): Service {
  return {
    name: 'proto.KeyValueStore',
    methods: [set(member, limits), get(member, limits), remove(member, limits), join(member)],
  };
}

/** SetResponse and DeleteResponse with `ok = true`: field 1, varint 1. */
const okBytes = Uint8Array.of(0x08, 0x01);

/** Answers a write that has been applied. */
class WriteAnswer implements Completion<CommandResult> {
  readonly #type: 'put' | 'delete-range';
  readonly #call: UnaryCompletion;

  constructor(type: 'put' | 'delete-range', call: UnaryCompletion) {
    this.#type = type;
    this.#call = call;
  }

  resolve(result: CommandResult): void {
    try {
      expectResult(this.#type, result);
    } catch (error) {
      this.#call.reject(error);
      return;
    }
    this.#call.resolve(okBytes);
  }

  reject(error: unknown): void {
    this.#call.reject(error);
  }
}

/** Answers a read when this member's state is new enough, and the caller takes what he is sent. */
class GetAnswer implements Completion<void>, AnswerMaker {
  readonly #member: Member;
  readonly #key: Uint8Array;
  readonly #call: UnaryCompletion;

  constructor(member: Member, key: Uint8Array, call: UnaryCompletion) {
    this.#member = member;
    this.#key = key;
    this.#call = call;
  }

  resolve(): void {
    this.#call.resolveWith(this);
  }

  reject(error: unknown): void {
    this.#call.reject(error);
  }

  makeAnswer(): Uint8Array {
    return readResponse(this.#member, this.#key);
  }
}

function readResponse(member: Member, key: Uint8Array): Uint8Array {
  const pair = member.rangeLocal({ key, revision: 0, limit: 1 }).items[0];
  if (pair === undefined) throw new KvorumError('KEY_NOT_FOUND', `key ${echoed(key)} not found`);
  if (!isUtf8(pair.value)) {
    // Written as bytes by another service. A `string` that is no UTF-8 would break the caller's decoder.
    throw new KvorumError(
      'INVALID_VALUE',
      `the value of key ${echoed(key)} is not valid UTF-8: read it as bytes, through kvorum.v1.Store`,
    );
  }
  return encodeGetResponse(pair.value);
}

function checkStringKey(key: Uint8Array, limits: ApiLimits): void {
  checkKey('key', key, limits);
  checkUtf8('INVALID_KEY', 'key', key);
}

function set(member: Member, limits: ApiLimits): BoundUnaryMethod {
  return {
    kind: 'unary',
    name: 'Set',
    call(request, context, completion) {
      const { key, value } = decodeSetRequest(request);
      checkStringKey(key, limits);
      checkValue('value', value, limits);
      checkUtf8('INVALID_VALUE', 'value', value);
      const command = { type: 'put', key, value, lease: 0n, previous: false } as const;
      member.startWrite(command, context, new WriteAnswer('put', completion));
      return undefined;
    },
  };
}

function get(member: Member, limits: ApiLimits): BoundUnaryMethod {
  return {
    kind: 'unary',
    name: 'Get',
    call(request, context, completion) {
      const { key } = decodeGetRequest(request);
      checkStringKey(key, limits);
      member.startReadBarrier(context, new GetAnswer(member, key, completion));
      return undefined;
    },
  };
}

function remove(member: Member, limits: ApiLimits): BoundUnaryMethod {
  return {
    kind: 'unary',
    name: 'Delete',
    call(request, context, completion) {
      const { key } = decodeDeleteRequest(request);
      checkStringKey(key, limits);
      const command = { type: 'delete-range', key, end: undefined, previous: false } as const;
      member.startWrite(command, context, new WriteAnswer('delete-range', completion));
      return undefined;
    },
  };
}

function join(member: Member): BoundUnaryMethod {
  return unary<JoinRequest, JoinResponse>({
    kind: 'unary',
    name: 'Join',
    decodeRequest: (bytes) => decodeMessage(JoinRequest, 'JoinRequest', bytes),
    encodeResponse: (response) => encodeMessage(JoinResponse, response),
    async handle({ nodeId, raftAddr, memberId, featureLevelMin, featureLevelMax }, context) {
      checkMemberName('node_id', nodeId);
      checkReachable('raft_addr', raftAddr);
      const said = { min: featureLevelMin, max: featureLevelMax };
      const levels = said.max === 0 ? firstLevels : said;
      if (levels.min < 1 || levels.min > levels.max) {
        throw new KvorumError(
          'INVALID_REQUEST',
          `feature levels must run upwards, not from ${said.min} to ${said.max}`,
        );
      }
      const request = { name: nodeId, peerAddress: raftAddr, id: memberId, levels };
      const answer = await member.join(request, context);
      return {
        ok: true,
        clusterId: answer.clusterId,
        memberId: answer.id,
        clusterSecret: answer.secret,
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
