import { setTimeout as after } from 'node:timers/promises';
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { GetRequest, GetResponse, SetRequest } from '../../../src/generated/kvstore.js';
import { CallRecord } from './figures.js';

/**
 * Honest calls by grpc-js without a client library, one after the other, four at a time:
 *
 *     node grpc-js-load.js -endpoints=HOST:PORT[,HOST:PORT...] -seconds=N
 *
 * The last line on stdout is one JSON object, as that of `load.py`.
 */
const given = new Map(
  process.argv.slice(2).map((word) => word.replace(/^-+/, '').split('=') as [string, string]),
);
const endpoints = given.get('endpoints')!.split(',');
const endMs = performance.now() + Number(given.get('seconds')) * 1000;

const callers = 4;
const pauseMs = 20;
const callTimeoutMs = 10_000;

const records = { get: new CallRecord(), put: new CallRecord() };
const errors: Record<string, number> = {};
const messages: string[] = [];

function failed(code: string, message: string): void {
  errors[code] = (errors[code] ?? 0) + 1;
  if (messages.length < 10) messages.push(`${code}: ${message}`);
}

function unary(client: Client, method: string, request: Uint8Array): Promise<Buffer> {
  const path = `/proto.KeyValueStore/${method}`;
  const deadline = Date.now() + callTimeoutMs;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, toBuffer, identity, request, { deadline }, (error, answer) => {
      if (error === null) resolve(answer!);
      else reject(error);
    });
  });
}

const toBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
const identity = (bytes: Buffer): Buffer => bytes;

async function timed(record: CallRecord, call: Promise<Buffer>): Promise<Buffer | undefined> {
  const beganMs = performance.now();
  try {
    const answer = await call;
    record.answered(performance.now() - beganMs);
    return answer;
  } catch (error) {
    const { code, details } = error as ServiceError;
    failed(status[code], details);
    return undefined;
  }
}

async function caller(at: number): Promise<void> {
  const client = new Client(endpoints[at % endpoints.length]!, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  for (let count = 0; performance.now() < endMs; count++) {
    const [key, value] = [`grpc-js/${at}/${count % 20}`, String(count)];
    await timed(records.put, unary(client, 'Set', SetRequest.encode({ key, value }).finish()));
    const answer = await timed(records.get, unary(client, 'Get', GetRequest.encode({ key }).finish()));
    const found = answer && GetResponse.decode(answer).value;
    // Where a put has failed, nobody can say what is to be read.
    if (answer !== undefined && found !== value && Object.keys(errors).length === 0) {
      failed('WRONG_ANSWER', `${key} is ${found}, ${value} was put`);
    }
    await after(pauseMs);
  }
  client.close();
}

await Promise.all(Array.from({ length: callers }, (_, at) => caller(at)));
const times = ({ figures: { calls, p50Ms, p99Ms, longestMs } }: CallRecord): object => {
  return { calls, p50Ms, p99Ms, maxMs: longestMs };
};
const [get, put] = [times(records.get), times(records.put)];
const calls = records.get.figures.calls + records.put.figures.calls;
console.log(JSON.stringify({ calls, errors, messages, get, put }));
