import { randomInt } from '../../../src/base/prng.js';
import type { ClusterMember } from '../../system/processes/cluster-member.js';
import { within } from '../../system/processes/deadline.js';
import { assertSaidDiskIsFull } from '../stopped-by-disk.js';
import { Growth } from './growth.js';
import type { End, Scene } from './scene.js';

const mebibyte = 1024 * 1024;
/** More than a segment of the log, so that now the log, now the state is first to find no space. */
const leftSizeBytesMax = 20 * mebibyte;
const growthStepSizeBytes = 256 * 1024;

/** Resolves when `count` of these have stopped. */
async function stopped(members: readonly ClusterMember[], count: number): Promise<void> {
  let missing = count;
  await within(
    `full disk at ${members.map(({ name }) => name).join(', ')}`,
    new Promise<void>((resolve, reject) => {
      for (const { process } of members) {
        process.exited.then(() => {
          if (--missing === 0) resolve();
        }, reject);
      }
    }),
  );
}

/**
 * Somebody else takes the space that the data folders of these machines have, all but a little, and the members write
 * more than that. In the end the space is free again, and whoever had to stop is started again, as its last line
 * tells the operator. Who did not have to stop, because the others were gone, is asked to: it may be about to.
 */
export async function fillDisks(scene: Scene, machines: readonly number[]): Promise<End> {
  const { disks, random, client, tell } = scene;
  const members = machines.map((at) => scene.members[at - 1]!);
  const majority = Math.floor(scene.members.length / 2) + 1;
  for (const at of machines) await disks[at - 1]!.fill(randomInt(random, leftSizeBytesMax));
  const growth = new Growth(client, growthStepSizeBytes);
  growth.start();
  return async () => {
    // Without a majority nothing is written any more.
    await stopped(members, Math.min(members.length, majority));
    await growth.stop();
    for (const at of machines) await disks[at - 1]!.freeSpace();
    for (const { isRunning, process } of members) if (isRunning) process.signal('SIGTERM');
    for (const { process } of members) {
      const exit = await process.ended();
      if (exit.code !== 0) assertSaidDiskIsFull(process, exit);
      tell(`   ${process.name}: ${process.log.plain.at(-1) ?? 'stopped when it was asked to'}`);
    }
    await Promise.all(members.map((member) => member.start()));
  };
}
