import { runClientLoad } from './load/client-library.js';
import type { ClientLoad } from './load/client-load.js';

/** A client library under load, in a process of its own: a ClientLoad comes in as JSON, a ClientOutcome goes out. */
const outcome = await runClientLoad(JSON.parse(process.argv[2] ?? '') as ClientLoad);
process.stdout.write(`${JSON.stringify(outcome)}\n`);
