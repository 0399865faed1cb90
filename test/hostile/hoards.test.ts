import { test } from 'node:test';
import { hoardAttacks } from './attacks/hoards.js';
import { playAll } from './play-all.js';

void test('attacks: hoards', (t) => playAll(t, hoardAttacks));
