import { ConnectionError, errorCode } from './protocol.js';

export function fail(what: string): never {
  throw new ConnectionError(errorCode.protocolError, what);
}

export function failSize(what: string): never {
  throw new ConnectionError(errorCode.frameSizeError, `${what} of a wrong length`);
}
