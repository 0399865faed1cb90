import assert from 'node:assert/strict';
import { status, type ServiceError } from '@grpc/grpc-js';
import { errorCodes, type ErrorCode } from '../../base/errors.js';

/** Waits for the call to fail with this code in status, trailers and outcome. Returns the message. */
export async function failsWith(call: Promise<unknown>, code: ErrorCode): Promise<string> {
  const error = await call.then(
    () => assert.fail(`expected ${code}, got an answer`),
    (reason: unknown) => reason as Partial<ServiceError>,
  );
  assert.deepEqual(
    {
      status: error.code === undefined ? error : status[error.code],
      code: error.metadata?.get('kvorum-error'),
      outcome: error.metadata?.get('kvorum-outcome'),
    },
    { status: errorCodes[code].grpc, code: [code], outcome: [errorCodes[code].outcome] },
    error.message,
  );
  return error.details ?? '';
}
