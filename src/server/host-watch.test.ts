import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { hostMetrics } from '../api/member-metrics.js';
import { silentLog } from '../base/log.js';
import { HostWatch } from './host-watch.js';
import { openFilesMax } from './open-files-max.js';

describe('what a member has of its machine', () => {
  it('is known from the start on, and shown as metrics', async (t) => {
    const watch = await HostWatch.start(tmpdir(), silentLog);
    t.after(() => watch.close());
    const { diskFreeBytes, diskSizeBytes, openFiles } = watch.status;
    assert.ok(diskFreeBytes! > 0 && diskFreeBytes! <= diskSizeBytes!);
    assert.ok(openFiles! > 2);
    assert.equal(watch.status.openFilesMax, openFilesMax());
    const metrics = hostMetrics(watch.status);
    assert.deepEqual(
      metrics.slice(0, 3).map(({ name }) => name),
      ['kvorum_disk_free_bytes', 'kvorum_disk_size_bytes', 'process_open_fds'],
    );
    assert.equal(metrics[2]!.samples[0]!.value, openFiles);
  });

  it('is left out where it cannot be found out', async (t) => {
    const watch = await HostWatch.start('/no/such/folder', silentLog);
    t.after(() => watch.close());
    assert.equal(watch.status.diskFreeBytes, undefined);
    const names = hostMetrics(watch.status).map(({ name }) => name);
    assert.ok(!names.includes('kvorum_disk_free_bytes'));
    assert.ok(names.includes('process_open_fds'));
  });
});
