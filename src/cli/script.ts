/** What bin/client and bin/server call: first comes what they are called themselves, and then what they are given. */
import process from 'node:process';
import { runLoading } from './few-files.js';

const [program = 'kvorum', server = 'kvorum serve', ...words] = process.argv.slice(2);

await runLoading(async () => {
  const { runProcess } = await import('./process.js');
  return await runProcess(words, { program, server });
});
