import { RealClock } from '../../src/ports/real-clock.js';
import { VirtualClock } from '../../src/ports/virtual-clock.js';
import { clockContract } from './clock.js';

clockContract({
  name: 'real',
  make: () => new RealClock(),
  run: async (_clock, until) => {
    await until;
  },
});

clockContract({
  name: 'virtual',
  make: () => new VirtualClock({ startMs: 5 }),
  run: async (clock, until) => {
    const state = { settled: false };
    const end = (): void => {
      state.settled = true;
    };
    until.then(end, end);
    while (!state.settled) await clock.advanceAsync(1);
    await until;
  },
});
