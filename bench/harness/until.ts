import { setTimeout as delay } from 'node:timers/promises';

const pollIntervalMs = 20;

/** Asks again and again until `holds`; rejects after `timeoutMs`. */
export async function until(what: string, timeoutMs: number, holds: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await delay(pollIntervalMs);
  }
}
