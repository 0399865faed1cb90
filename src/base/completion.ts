/**
 * Takes the outcome of one piece of work: one of the two is called, once. Neither throws, nor calls back into whoever
 * does the work. For calls that are so many that a promise for each shows.
 */
export interface Completion<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** A promise of the outcome, for all others. */
export function promised<T>(start: (completion: Completion<T>) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => start({ resolve, reject }));
}
