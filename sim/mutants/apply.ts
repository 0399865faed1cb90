import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import type { Mutant, Patch } from './mutant.js';

/** The repository, seen from the compiled file. */
export const repositoryFolder = join(import.meta.dirname, '../../..');

/** @throws Error if the fragment is not there exactly once */
export function patchSource(source: string, { file, original, replacement }: Patch): string {
  const parts = source.split(original);
  if (parts.length !== 2) {
    throw new Error(`the fragment occurs ${parts.length - 1} times in ${file}, not once:\n${original}`);
  }
  return parts.join(replacement);
}

/** The files that the mutant changes, with their new text. @throws Error as patchSource */
export function patchedFiles(mutant: Mutant): Map<string, string> {
  const files = new Map<string, string>();
  for (const patch of mutant.patches) {
    const before = files.get(patch.file) ?? readFileSync(join(repositoryFolder, patch.file), 'utf8');
    files.set(patch.file, patchSource(before, patch));
  }
  return files;
}

/** As the build does it, but without types: a fault may offend them. @throws Error where the text is no TypeScript */
export function compile(file: string, source: string): string {
  const { outputText, diagnostics } = ts.transpileModule(source, {
    fileName: file,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
    reportDiagnostics: true,
  });
  const [problem] = diagnostics ?? [];
  if (problem !== undefined) {
    throw new Error(`${file}: ${ts.flattenDiagnosticMessageText(problem.messageText, '\n')}`);
  }
  return outputText;
}

/**
 * Makes a copy of the compiled code with the fault in it. It stands below the compiled code itself, where imports
 * of packages are found as always.
 * @returns its folder, laid out as dist/; another each time
 */
export function buildMutant(mutant: Mutant): string {
  const compiled = join(repositoryFolder, 'dist');
  mkdirSync(join(compiled, 'mutants'), { recursive: true });
  const folder = mkdtempSync(join(compiled, 'mutants', `${mutant.name}-`));
  const wanted = (path: string): boolean => !/\.(?:map|d\.ts|test\.js)$/.test(path);
  for (const part of ['src', 'sim'])
    cpSync(join(compiled, part), join(folder, part), { recursive: true, filter: wanted });
  for (const [file, source] of patchedFiles(mutant)) {
    writeFileSync(join(folder, file.replace(/\.ts$/, '.js')), compile(file, source));
  }
  return folder;
}
