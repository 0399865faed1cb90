import type { LmdbEnvironment } from './lmdb-environment.js';
import { LmdbView } from './lmdb-view.js';

/** The views that are open, and of which environment they are: none may be closed under them. */
export class LmdbViews {
  readonly #views = new Map<LmdbEnvironment, Set<LmdbView>>();
  readonly #waiting = new Map<LmdbEnvironment, () => void>();

  open(environment: LmdbEnvironment): LmdbView {
    const views = this.#views.get(environment) ?? new Set();
    const view = new LmdbView(environment, () => {
      views.delete(view);
      if (views.size > 0) return;
      this.#views.delete(environment);
      this.#waiting.get(environment)?.();
      this.#waiting.delete(environment);
    });
    views.add(view);
    this.#views.set(environment, views);
    return view;
  }

  /** No view of it is opened any more. Resolves when the last one is closed. */
  async whenUnused(environment: LmdbEnvironment): Promise<void> {
    const views = this.#views.get(environment);
    if (views === undefined) return;
    for (const view of views) view.outlived();
    await new Promise<void>((resolve) => this.#waiting.set(environment, resolve));
  }

  end(): void {
    for (const views of [...this.#views.values()]) for (const view of views) view.close();
  }
}
