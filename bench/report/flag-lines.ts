import type { FlagSpec } from '../../src/cli/flags.js';

export function helpLine(name: string, summary: string): string {
  return `  ${name.padEnd(24)}${summary}\n`;
}

export function flagLines(flags: readonly FlagSpec[]): string {
  return flags
    .map(({ name, value, summary }) =>
      helpLine(`--${name}${value === undefined ? '' : `=${value}`}`, summary),
    )
    .join('');
}
