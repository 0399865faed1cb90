import { unary, type BoundUnaryMethod, type Service } from '../../base/rpc.js';
import { RangeRequest } from '../../generated/kvorum.js';
import type { Member } from '../../member/types.js';
import type { ApiLimits } from '../limits.js';
import { decodeMessage } from '../message.js';
import { BatchRun } from './batch.js';
import { decodeBatchRequest } from './batch-request.js';
import { encodeBatchResponse } from './batch-response.js';
import { GetTurns } from './get-turns.js';
import { PageAnswer } from './page-answer.js';
import { PageTurns } from './page-turns.js';

/** `kvorum.v1.Store`: keys and values as bytes, many in a request. */
export function store(member: Member, limits: ApiLimits): Service {
  return { name: 'kvorum.v1.Store', methods: [batch(member, limits), range(member, limits)] };
}

function batch(member: Member, limits: ApiLimits): BoundUnaryMethod {
  const services = { member, limits, turns: new GetTurns() };
  return unary({
    kind: 'unary',
    name: 'Batch',
    decodeRequest: (bytes) => decodeBatchRequest(bytes, limits),
    encodeResponse: encodeBatchResponse,
    handle: (operations, context) => new BatchRun(services, context).run(operations),
  });
}

function range(member: Member, limits: ApiLimits): BoundUnaryMethod {
  const services = { member, limits, turns: new PageTurns() };
  return {
    kind: 'unary',
    name: 'Range',
    call(bytes, context, completion) {
      const request = decodeMessage(RangeRequest, 'RangeRequest', bytes);
      const page = new PageAnswer(services, request, context, completion);
      if (request.serializable) page.resolve();
      else member.startReadBarrier(context, page);
      return undefined;
    },
  };
}
