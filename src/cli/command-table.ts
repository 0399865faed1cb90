import { benchCommand } from './bench-command.js';
import { clusterCommands } from './cluster-commands.js';
import type { Command } from './command.js';
import { keyCommands } from './key-commands.js';
import { recoverCommand, serveCommand } from './member-commands.js';
import { exportCommand, importCommand } from './transfer-commands.js';

/** Every command but those that speak of commands. */
export const commands: readonly Command[] = [
  serveCommand,
  ...keyCommands,
  ...clusterCommands,
  importCommand,
  exportCommand,
  benchCommand,
  recoverCommand,
];
