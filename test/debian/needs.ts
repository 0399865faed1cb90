import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

interface Needs {
  readonly commands: readonly string[];
}

/**
 * For `skip` of a test that only root can run, with these programs. In CI what is missing is a failure, not a
 * reason to skip.
 */
export function skipUnlessRoot({ commands }: Needs): string | false {
  if (process.env['CI'] !== undefined) return false;
  if (process.getuid?.() !== 0) return 'root alone can run this';
  const missing = commands.filter((command) => !isInstalled(command));
  return missing.length > 0 ? `${missing.join(', ')} must be installed to run this` : false;
}

function isInstalled(command: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
