#!/usr/bin/env node
import { basename, relative } from 'node:path';
import process from 'node:process';
import { runLoading } from './few-files.js';

const script = process.argv[1] ?? 'kvorum';
const program = basename(script) === 'kvorum' ? 'kvorum' : `node ${relative(process.cwd(), script)}`;

await runLoading(async () => {
  const { runProcess } = await import('./process.js');
  return await runProcess(process.argv.slice(2), { program, server: `${program} serve` });
});
