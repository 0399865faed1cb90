import { readFileSync } from 'node:fs';

/**
 * Fails when package-lock.json lacks a package that one of its packages asks for. `npm install` leaves out
 * optional ones (the prebuilt binaries of other platforms) that the registry does not have at that moment, and
 * `npm ci` then refuses the lock.
 */
interface Lock {
  readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Record<string, string> }>>;
}

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock;
const present = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')));
for (const [path, { optionalDependencies = {} }] of Object.entries(packages)) {
  for (const name of Object.keys(optionalDependencies)) {
    if (present.has(name)) continue;
    console.error(`package-lock.json lacks ${name}, which ${path} asks for: choose a version that is whole`);
    process.exitCode = 1;
  }
}
