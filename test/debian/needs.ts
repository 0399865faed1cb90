import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian's own, which sees the packages that apt installed. */
export const python = '/usr/bin/python3';

/** For `skip` of a test that needs programs. In CI what is missing is a failure, not a reason to skip. */
export function skipUnlessInstalled(...commands: readonly string[]): string | false {
  if (process.env['CI'] !== undefined) return false;
  const missing = commands.filter((command) => !isInstalled(command));
  return missing.length > 0 ? `${missing.join(', ')} must be installed to run this` : false;
}

/** The same for a test that only root can run. */
export function skipUnlessRoot({ commands }: { readonly commands: readonly string[] }): string | false {
  if (process.env['CI'] === undefined && process.getuid?.() !== 0) return 'root alone can run this';
  return skipUnlessInstalled(...commands);
}

/** The same for gRPC's C core. */
export function skipUnlessPythonGrpc(): string | false {
  if (process.env['CI'] !== undefined || spawnSync(python, ['-c', 'import grpc']).status === 0) return false;
  return 'apt-get install python3-grpcio to run this';
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
