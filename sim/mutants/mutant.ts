/** A piece of a source file, and what stands there in its place. */
export interface Patch {
  /** From the root of the repository. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly original: string;
  readonly replacement: string;
}

/** One deliberate fault in production code. The simulator must notice it. */
export interface Mutant {
  readonly name: string;
  /** What is wrong, in a few words; with the place where it is known from, if it is. */
  readonly fault: string;
  readonly patches: readonly Patch[];
}

/** A fault in code that is not there yet. */
export interface WaitingMutant {
  readonly name: string;
  readonly feature: string;
}

/** A fault of one patch. */
export function mutant(
  name: string,
  fault: string,
  file: string,
  original: string,
  replacement: string,
): Mutant {
  return { name, fault, patches: [{ file, original, replacement }] };
}
