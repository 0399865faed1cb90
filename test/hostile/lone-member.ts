import type { TestContext } from 'node:test';
import type { Launch } from '../system/processes/member-process.js';
import { ProcessCluster } from '../system/processes/process-cluster.js';
import { drawSeed } from '../system/processes/seed.js';
import type { Attack } from './attacks/attack.js';
import { attacks } from './attacks/table.js';
import { describeOutcome, type Outcome } from './outcome.js';
import { fill, play } from './scene.js';

export function attackNamed(name: string): Attack {
  return attacks.find((attack) => attack.name === name)!;
}

/** Plays an attack on a cluster of one, whose process is started with `launch`. */
export async function playAlone(
  t: TestContext,
  launch: Launch,
  attack: Attack,
  whileOpen: (pid: number) => void = () => {},
): Promise<Outcome> {
  const seed = drawSeed(t);
  const outcomes: Outcome[] = [];
  await ProcessCluster.run(t, { size: 0 }, async (cluster) => {
    const member = cluster.add('node1', { launch });
    await cluster.found();
    await fill(cluster.client());
    const watching = setInterval(() => {
      if (member.isRunning) whileOpen(member.process.pid);
    }, 100);
    outcomes.push(await play(cluster, attack, seed).finally(() => clearInterval(watching)));
  });
  t.diagnostic(describeOutcome(outcomes[0]!));
  return outcomes[0]!;
}
