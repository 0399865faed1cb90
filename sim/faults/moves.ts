import type { Machine } from '../machine.js';
import { playMsMax } from './cast.js';
import type { Fault } from './scene.js';
import { play, type Stage } from './stage.js';

const roundsMax = 4;

/** Machines go down, one or all of them, and come back at new addresses, or at one another's; some again before the others have heard of it. */
export const moves: Fault = (scene) => {
  play(scene, playMsMax, async (stage) => {
    for (let round = 0; round < roundsMax; round++) {
      if (stage.dice.chance(0.3)) changePlaces(stage);
      else move(stage, stage.dice.chance(0.3));
      // From the middle of a start to long after the addresses were made known.
      await stage.pass(stage.dice.ms(0, stage.dice.pick([300, 2000])));
    }
  });
  return 'machines come back elsewhere';
};

function move(stage: Stage, all: boolean): void {
  const { cluster, dice } = stage;
  const movable = cluster.machines.filter((each) => !each.gone);
  if (movable.length === 0) return;
  const moving: readonly Machine[] = all ? movable : [dice.pick(movable)];
  end(stage, moving);
  for (const machine of moving) machine.move();
  stage.tell(moving.map(({ name, address }) => `${name} to ${address}`).join(', '));
}

/** Two at once: neither is where the other looks for it. */
function changePlaces(stage: Stage): void {
  const { cluster, dice } = stage;
  const movable = cluster.machines.filter((each) => !each.gone);
  if (movable.length < 2) return;
  const one = dice.pick(movable);
  const other = dice.pick(movable.filter((each) => each !== one));
  end(stage, [one, other]);
  one.changePlaces(other);
  stage.tell(`${one.name} and ${other.name} change places`);
}

function end({ cluster, dice }: Stage, moving: readonly Machine[]): void {
  for (const machine of moving) {
    if (machine.life !== undefined) cluster.end(machine, dice.pick(['kill', 'power-loss']));
  }
}
