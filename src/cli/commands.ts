import { clusterCommands } from './cluster-commands.js';
import type { Command } from './command.js';
import { exportCommand } from './export.js';
import { importCommand } from './import.js';
import { keyCommands } from './key-commands.js';
import { benchCommand } from './bench.js';
import { serveCommand } from './serve.js';

/** Every command but help and version, which speak of these. */
export const commands: readonly Command[] = [
  serveCommand,
  ...keyCommands,
  ...clusterCommands,
  importCommand,
  exportCommand,
  benchCommand,
];
