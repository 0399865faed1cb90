import { median } from '../load/latencies.js';

export const metrics = {
  rate: { unit: 'requests/s', better: 'more' },
  p50: { unit: 'p50 ms', better: 'less' },
  p99: { unit: 'p99 ms', better: 'less' },
  p999: { unit: 'p99.9 ms', better: 'less' },
  cpu: { unit: 'CPU s/100k', better: 'less' },
  time: { unit: 's', better: 'less' },
  longest: { unit: 'longest ms', better: 'less' },
  over: { unit: 'longest, ms over nothing', better: 'less' },
  gap: { unit: 'longest gap ms', better: 'less' },
  memory: { unit: 'MiB', better: 'less' },
} as const;

export type Metric = keyof typeof metrics;

/** One quantity, measured several times for each system. */
export interface Figure {
  readonly part: string;
  readonly load: string;
  readonly metric: Metric;
  readonly samples: Map<string, number[]>;
}

/** Gathers what the parts measure, in the order in which it is first seen. */
export class Figures {
  readonly #figures = new Map<string, Figure>();

  add(part: string, load: string, metric: Metric, system: string, value: number): void {
    const id = `${part}\n${load}\n${metric}`;
    let figure = this.#figures.get(id);
    if (figure === undefined) {
      figure = { part, load, metric, samples: new Map() };
      this.#figures.set(id, figure);
    }
    const samples = figure.samples.get(system);
    if (samples === undefined) figure.samples.set(system, [value]);
    else samples.push(value);
  }

  get all(): readonly Figure[] {
    return [...this.#figures.values()];
  }

  of(part: string): readonly Figure[] {
    return this.all.filter((figure) => figure.part === part);
  }
}

/** Undefined: the system was not measured. */
export function medianOf(figure: Figure, system: string): number | undefined {
  const samples = figure.samples.get(system);
  return samples === undefined ? undefined : median(samples);
}
