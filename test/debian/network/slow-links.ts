import { randomInt } from '../../../src/base/prng.js';
import { within } from '../../system/processes/deadline.js';
import { Growth } from './growth.js';
import type { End, Scene } from './scene.js';

const valueSizeBytes = 64 * 1024;
const rateMegabitMin = 8;
const rateMegabitMax = 24;
/** Side by side, so that the line is never empty. */
const writers = 8;
/** Of each writer: together more than a second of the slowest line. */
const valuesEach = 4;
/** The slowest line takes a fifth of it: who elects again and again does not get there. */
const progressTimeoutMs = 20_000;

/** Lines that large values fill: what keeps a cluster together must still get through, and the values too. */
export async function slowLinks({ net, random, members }: Scene): Promise<End> {
  const rate = rateMegabitMin + randomInt(random, rateMegabitMax - rateMegabitMin);
  for (const at of net.machines) await net.limitRate(at, rate);
  const client = members[0]!.client();
  const growths = Array.from({ length: writers }, () => new Growth(client, valueSizeBytes));
  for (const growth of growths) growth.start();
  const progress = Promise.all(growths.map((growth) => growth.more(valuesEach)));
  return async () => {
    try {
      await within(`large values over a line of ${rate} Mbit/s`, progress, progressTimeoutMs);
    } finally {
      for (const at of net.machines) await net.limitNothing(at);
      await Promise.all(growths.map((growth) => growth.stop()));
      client.close();
    }
  };
}
