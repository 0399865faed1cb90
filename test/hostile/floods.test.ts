import { test } from 'node:test';
import { floodAttacks } from './attacks/floods.js';
import { playAll } from './play-all.js';

void test('attacks: floods', (t) => playAll(t, floodAttacks));
