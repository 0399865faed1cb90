import assert from 'node:assert/strict';
import { connect } from '../../../src/client/index.js';
import { within } from '../../system/processes/deadline.js';
import type { End, Scene } from './scene.js';
import { serves } from './service.js';

const pollMs = 50;
const probeTimeoutMs = 1000;

/** As a load balancer asks. A member says no, or says nothing: src/storage/backend/DESIGN.md tells why. */
async function saysItServes(endpoint: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(probeTimeoutMs);
    const answer = await fetch(`http://${endpoint}/health`, { signal });
    await answer.body?.cancel();
    return answer.ok;
  } catch (error) {
    if ((error as Error).name !== 'TimeoutError') throw error;
    return false;
  }
}

/**
 * The disk of the leader takes nothing more, without an error: another member leads before this one is told anything,
 * it is not found serving any more, and nothing that it has promised is lost when the disk goes on.
 */
export async function hangDiskOfLeader({ disks, members, leader, tell }: Scene): Promise<End> {
  const disk = disks[leader - 1]!;
  const hung = members[leader - 1]!;
  const others = members.filter((member) => member !== hung);
  await disk.freeze();
  const client = connect({ endpoints: others.map(({ endpoint }) => endpoint), timeoutMs: 1000 });
  try {
    const frozenMs = performance.now();
    await within('service by the others', serves(client, 'served-beside-a-hung-disk'));
    tell(`   served by the others after ${(performance.now() - frozenMs).toFixed(0)} ms`);
    await within(
      `end of service by ${hung.name}`,
      (async () => {
        while (await saysItServes(hung.endpoint)) await new Promise((resolve) => setTimeout(resolve, pollMs));
      })(),
    );
    assert.ok(hung.isRunning);
  } catch (error) {
    await disk.thaw();
    throw error;
  } finally {
    client.close();
  }
  return () => disk.thaw();
}
