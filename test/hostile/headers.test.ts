import { test } from 'node:test';
import { headerAttacks } from './attacks/headers.js';
import { playAll } from './play-all.js';

void test('attacks: headers', (t) => playAll(t, headerAttacks));
