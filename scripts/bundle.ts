import { rm } from 'node:fs/promises';
import { build } from 'esbuild';

/**
 * Puts the modules of the command line together, in as few files as are loaded together: Node takes most of a
 * millisecond for each file, and `kvorum get` has fifty. Packages stay what they are.
 */
const folder = 'dist/bundle';

await rm(folder, { recursive: true, force: true });
await build({
  entryPoints: ['dist/src/cli/main.js', 'dist/src/cli/script.js'],
  outdir: folder,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  logLevel: 'warning',
});
