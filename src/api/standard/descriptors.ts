import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const path = join('proto', 'descriptors.binpb');

/**
 * What `npm run proto` made of the protocol files: a google.protobuf.FileDescriptorSet. It stands in `proto/` at
 * the root of this package, which is above this file by a number of folders that differs between source and build.
 */
export function ownDescriptors(): Uint8Array {
  const from = dirname(fileURLToPath(import.meta.url));
  for (let folder = from; ; folder = dirname(folder)) {
    const file = join(folder, path);
    if (existsSync(file)) return readFileSync(file);
    if (folder === dirname(folder)) throw new Error(`no folder above ${from} holds ${path}`);
  }
}
