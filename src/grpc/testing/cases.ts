import { test } from 'node:test';
import type { ErrorName } from './frames.js';
import { RawClient } from './raw-client.js';

export type Send = (client: RawClient) => void | Promise<void>;

/** Where the server under test listens. */
export interface Target {
  readonly port: number;
}

/** Runs each case on a connection of its own, with the prefaces exchanged. */
function cases(target: Target, list: Readonly<Record<string, Send>>, outcome: Send): void {
  for (const [name, send] of Object.entries(list)) {
    void test(name, async () => {
      const client = await RawClient.ready(target.port);
      await send(client);
      await outcome(client);
      await client.close();
    });
  }
}

/** Each is answered with GOAWAY of that code, and the connection is closed (RFC 9113, section 5.4.1). */
export function connectionErrors(
  target: Target,
  code: ErrorName | readonly ErrorName[],
  list: Readonly<Record<string, Send>>,
): void {
  cases(target, list, (client) => client.connectionError(...[code].flat()));
}

/** Each is answered with RST_STREAM of that code, and the connection goes on (section 5.4.2). */
export function streamErrors(
  target: Target,
  streamId: number,
  code: ErrorName,
  list: Readonly<Record<string, Send>>,
): void {
  cases(target, list, (client) => client.streamError(streamId, code));
}

/** Each is no error: the connection goes on. */
export function accepted(target: Target, list: Readonly<Record<string, Send>>): void {
  cases(target, list, (client) => client.alive());
}
