import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '../../../base/log.js';
import { RealClock } from '../../../ports/real-clock.js';
import { LmdbBackend } from '../../backend/lmdb-backend.js';
import { DescriptorWait } from '../descriptor-wait.js';
import { PatientDisk } from '../patient-disk.js';
import { RealDisk } from '../real-disk.js';

/** A process that may have few files open. Its argument is an empty folder. */
const folder = process.argv[2]!;

/** Takes all that are left. @returns gives them back */
function takeAll(): () => void {
  const taken: number[] = [];
  for (;;) {
    try {
      taken.push(openSync('/dev/null', 'r'));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EMFILE');
      return () => {
        for (const fd of taken.splice(0)) closeSync(fd);
      };
    }
  }
}

const clock = new RealClock();
const stateFolder = join(folder, 'state');
mkdirSync(stateFolder);

/** Each begins without any descriptor, gets them once it waits, and must come to its end. */
async function outlasts(action: (descriptors: DescriptorWait) => Promise<unknown>): Promise<void> {
  let giveBack = (): void => {};
  let waited = false;
  const told = (): void => {
    waited = true;
    giveBack();
  };
  const descriptors = new DescriptorWait(clock, { ...silentLog, warn: told });
  giveBack = takeAll();
  await action(descriptors);
  assert.ok(waited, action.toString());
}

const patient = (descriptors: DescriptorWait): PatientDisk =>
  new PatientDisk(new RealDisk(folder), descriptors);

// What Node itself opens once only is open from here on.
await new RealDisk(folder).writeFileDurable('f', Uint8Array.of(1));
await (await LmdbBackend.open(stateFolder, { clock })).close();

await outlasts(async (descriptors) => {
  await (await patient(descriptors).open('new', { create: true })).close();
});
await outlasts((descriptors) => patient(descriptors).readFile('f'));
await outlasts((descriptors) => patient(descriptors).writeFileDurable('g', Uint8Array.of(2)));
await outlasts((descriptors) => patient(descriptors).list(''));
await outlasts((descriptors) => patient(descriptors).makeFolder('folder'));
await outlasts((descriptors) => patient(descriptors).rename('f', 'folder/f'));
await outlasts((descriptors) => patient(descriptors).remove('folder'));
await outlasts(async (descriptors) => {
  await (await LmdbBackend.open(stateFolder, { clock, descriptors })).close();
});
await outlasts(async (descriptors) => {
  const backend = await LmdbBackend.open(stateFolder, { clock, descriptors });
  const install = await backend.beginInstall();
  await install.prepare({ index: 5, term: 1 }, 0);
  await install.activate(() => {});
  await backend.close();
});
assert.deepEqual(await new RealDisk(folder).list(''), ['g', 'new', 'state']);
process.stdout.write('done\n');
