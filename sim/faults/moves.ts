import type { Machine } from '../machine.js';
import { playMsMax } from './cast.js';
import type { Fault } from './scene.js';
import { play, type Stage } from './stage.js';

const roundsMax = 4;

/** Machines go down, one or all of them, and come back at new addresses; some again before the others have heard of it. */
export const moves: Fault = (scene) => {
  play(scene, playMsMax, async (stage) => {
    for (let round = 0; round < roundsMax; round++) {
      move(stage, stage.dice.chance(0.3));
      // From the middle of a start to long after the addresses were made known.
      await stage.pass(stage.dice.ms(0, stage.dice.pick([300, 2000])));
    }
  });
  return 'machines come back elsewhere';
};

/** Who has yet to be let in asks at an address, and would be another's namesake at the next. */
function move(stage: Stage, all: boolean): void {
  const { cluster, dice } = stage;
  const movable = cluster.machines.filter((each) => each.entrance !== 'joining' && !each.gone);
  if (movable.length === 0) return;
  const moving: readonly Machine[] = all ? movable : [dice.pick(movable)];
  for (const machine of moving) {
    if (machine.life !== undefined) cluster.end(machine, dice.pick(['kill', 'power-loss']));
    machine.move();
  }
  stage.tell(moving.map(({ name, address }) => `${name} to ${address}`).join(', '));
}
