import { test } from 'node:test';
import { shareAttacks } from './attacks/shares.js';
import { playAll } from './play-all.js';

void test('attacks: shares', (t) => playAll(t, shareAttacks));
