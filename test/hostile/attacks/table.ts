import type { Attack } from './attack.js';
import { floodAttacks } from './floods.js';
import { headerAttacks } from './headers.js';
import { hoardAttacks } from './hoards.js';
import { http1Attacks } from './http1.js';
import { raftPortAttacks } from './raft-port.js';
import { shareAttacks } from './shares.js';

export const attacks: readonly Attack[] = [
  ...headerAttacks,
  ...floodAttacks,
  ...hoardAttacks,
  ...shareAttacks,
  ...http1Attacks,
  ...raftPortAttacks,
];
