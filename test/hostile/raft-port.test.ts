import { test } from 'node:test';
import { raftPortAttacks } from './attacks/raft-port.js';
import { playAll } from './play-all.js';

void test('attacks: raft-port', (t) => playAll(t, raftPortAttacks));
