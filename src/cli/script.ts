/** What bin/client and bin/server call: first comes what they are called themselves, and then what they are given. */
import process from 'node:process';
import { runProcess } from './process.js';

const [program = 'kvorum', server = 'kvorum serve', ...words] = process.argv.slice(2);

await runProcess(words, { program, server });
