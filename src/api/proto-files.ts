import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const fileNames = ['kvstore.proto', 'kvorum.proto'] as const;

/**
 * Absolute paths of the protocol files that come with this package. They stand in `proto/` at its root, which
 * is above this file by a number of folders that differs between source and build.
 */
export function ownProtoFiles(): readonly string[] {
  const from = dirname(fileURLToPath(import.meta.url));
  for (let folder = from; ; folder = dirname(folder)) {
    const files = fileNames.map((name) => join(folder, 'proto', name));
    if (files.every((file) => existsSync(file))) return files;
    if (folder === dirname(folder)) throw new Error(`no folder above ${from} holds proto/${fileNames[0]}`);
  }
}
