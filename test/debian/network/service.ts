import { KvorumError, type KvorumClient } from '../../../src/client/index.js';

/** A call that is not answered by then begins anew, with what has changed since. */
export const callTimeoutMs = 1000;

/** Asks until a write and a read are answered. */
export async function serves(client: KvorumClient, key: string): Promise<void> {
  for (;;) {
    try {
      await client.set(key, 'yes', { timeoutMs: callTimeoutMs });
      await client.get(key, { timeoutMs: callTimeoutMs });
      return;
    } catch (error) {
      if (!(error instanceof KvorumError) || error.code === 'CLIENT_CLOSED') throw error;
    }
  }
}
