import { fileURLToPath } from 'node:url';
import type { ClientLoad, ClientOutcome } from '../load/client-load.js';
import { run } from '../load/h2load.js';

const program = fileURLToPath(new URL('../client-load.js', import.meta.url));

/** Runs a client library in a process of its own, so that its work does not mix with the harness's. */
export async function clientProcess(load: ClientLoad): Promise<ClientOutcome> {
  const printed = await run(process.execPath, [program, JSON.stringify(load)]);
  return JSON.parse(printed) as ClientOutcome;
}
