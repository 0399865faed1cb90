import { readFileSync } from 'node:fs';

/**
 * Fails when package-lock.json lacks a package that one of its packages asks for, or the prebuilt binaries of a platform
 * that we promise. `npm install` leaves out optional packages (the binaries of other platforms) that the registry does
 * not have at that moment, and `npm ci` then refuses the lock.
 */
interface Lock {
  readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Record<string, string> }>>;
}

/** Those for Linux hold builds for glibc and for musl. */
const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'win32-x64', 'win32-arm64'];
const prebuilt = platforms.flatMap((platform) => [`@lmdb/lmdb-${platform}`, `@koromix/koffi-${platform}`]);

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock;
const present = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')));
for (const [path, { optionalDependencies = {} }] of Object.entries(packages)) {
  for (const name of Object.keys(optionalDependencies)) {
    if (present.has(name)) continue;
    console.error(`package-lock.json lacks ${name}, which ${path} asks for: choose a version that is whole`);
    process.exitCode = 1;
  }
}
for (const name of prebuilt) {
  if (present.has(name)) continue;
  console.error(`package-lock.json lacks ${name}, without which Kvorum does not start on its platform`);
  process.exitCode = 1;
}
