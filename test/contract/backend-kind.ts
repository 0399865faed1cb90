import type { Backend } from '../../src/ports/backend.js';

/** One kind of backend under test. */
export interface BackendKind {
  readonly name: string;
  /** A new, empty one. */
  create(): Promise<Backend>;
  /** Closes it and opens what it left on disk. */
  reopen(backend: Backend, how?: { readonly flush: boolean }): Promise<Backend>;
}
