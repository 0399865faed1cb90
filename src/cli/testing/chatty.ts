/**
 * A process that logs as `kvorum serve` does, more than anybody reads: `chatty LINES`. Says on stdout how long its
 * event loop stood still at most and how much waits in its stderr, and ends.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { LogDestination } from '../log-destination.js';
import { lostLines, makeServerLog } from '../server-log.js';
import { openStderr } from '../stderr.js';

const turnMs = 5;
const linesPerTurn = 100;

const destination = new LogDestination(openStderr(), (lines) => lostLines(lines, 'json'));
const log = makeServerLog({
  level: 'info',
  format: 'json',
  colour: false,
  write: (line) => destination.write(line),
});

process.stderr.on('error', () => {});
const text = 'x'.repeat(1000);
let worstMs = 0;
for (let line = 0; line < Number(process.argv[2]);) {
  const begunMs = performance.now();
  for (let nth = 0; nth < linesPerTurn; nth++) log.info({ line: line++, text }, 'chatty');
  await pause(turnMs);
  worstMs = Math.max(worstMs, performance.now() - begunMs);
}
const waitingBytes = process.stderr.writableLength;
await destination.flush(500);
process.stdout.write(JSON.stringify({ worstMs, waitingBytes }), () => process.exit());
