import { hostileSoak, type HostileSoakReport, type MemberFigures } from './hostile-soak.js';

/** Two dozen lines, however long it takes. */
const lines = 24;

const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);

function row(name: string, cells: readonly (string | number)[]): string {
  return name.padEnd(26) + cells.map((cell) => String(cell).padStart(12)).join('');
}

function showMembers(members: readonly MemberFigures[]): void {
  console.log(row('member', ['CPU s', 'RSS MiB', 'most', 'delay ms', 'office']));
  for (const { name, cpuSeconds, residentBytes, largestBytes, longestDelayMs, office } of members) {
    const sizes = [mebibytes(residentBytes), mebibytes(largestBytes)];
    console.log(`${row(name, [cpuSeconds.toFixed(1), ...sizes, longestDelayMs.toFixed(0)])}  ${office}`);
  }
}

function showReport({ tallies, members, honest, programs }: HostileSoakReport): void {
  console.log(row('attack', ['times', 'sent MiB', 'got MiB', 'connections', 'ended']));
  for (const [name, { times, sentBytes, receivedBytes, connections, ended }] of tallies) {
    console.log(row(name, [times, mebibytes(sentBytes), mebibytes(receivedBytes), connections, ended]));
  }
  showMembers(members);
  console.log(row('honest client', ['calls', 'failed', 'p50 ms', 'p99 ms', 'longest']));
  for (const [name, { calls, failures, p50Ms, p99Ms, longestMs }] of [
    ['kvorum/client', honest.calls.during] as const,
    ['kvorum/client, newcomers', honest.newcomers] as const,
  ]) {
    const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
    console.log(row(name, [calls, failed, p50Ms.toFixed(1), p99Ms.toFixed(1), longestMs.toFixed(0)]));
  }
  for (const [name, { calls, errors, get, put }] of programs) {
    const failed = Object.values(errors).reduce((sum, count) => sum + count, 0);
    const [p50Ms, p99Ms, maxMs] = [
      Math.max(get.p50Ms, put.p50Ms),
      Math.max(get.p99Ms, put.p99Ms),
      Math.max(get.maxMs, put.maxMs),
    ];
    console.log(row(name, [calls, failed, p50Ms.toFixed(1), p99Ms.toFixed(1), maxMs.toFixed(0)]));
  }
}

/** @returns whether all was well */
export async function runHostile(minutes: number, attackers: number, seed: number): Promise<boolean> {
  console.log(`seed ${seed}, ${attackers} attackers, ${minutes} minutes`);
  const report = await hostileSoak({
    seed,
    seconds: minutes * 60,
    attackers,
    sampleIntervalMs: (minutes * 60_000) / lines,
    say: (line) => console.log(line),
    onSample: (seconds, members) => {
      const cells = members.flatMap(({ residentBytes, longestDelayMs }) => [
        `${mebibytes(residentBytes)} MiB`,
        `${longestDelayMs.toFixed(0)} ms`,
      ]);
      console.log(row(`${seconds.toFixed(0)} s`, cells));
    },
  });
  showReport(report);
  for (const fault of report.faults) console.log(fault);
  const passed = report.faults.length === 0;
  console.log(passed ? '1 passed, 0 failed' : '0 passed, 1 failed');
  return passed;
}
