import { test } from 'node:test';
import { http1Attacks } from './attacks/http1.js';
import { playAll } from './play-all.js';

void test('attacks: http1', (t) => playAll(t, http1Attacks));
