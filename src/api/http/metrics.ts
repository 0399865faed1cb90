import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';

/** One family of Prometheus' text format. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  readonly samples: readonly Sample[];
}

interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export function gauge(name: string, help: string, value: number): Metric {
  return { name, help, type: 'gauge', samples: [{ value }] };
}

export function counter(name: string, help: string, value: number): Metric {
  return { name, help, type: 'counter', samples: [{ value }] };
}

/** Prometheus' text exposition format, version 0.0.4. */
export function formatMetrics(metrics: readonly Metric[]): string {
  return metrics
    .map(({ name, help, type, samples }) => {
      const lines = samples.map(({ labels = {}, value }) => `${name}${formatLabels(labels)} ${value}\n`);
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
    })
    .join('');
}

function formatLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** Node opens a file to find it out, and throws when no file descriptor is left: then it is left out. */
function residentMemory(): readonly Metric[] {
  try {
    return [gauge('process_resident_memory_bytes', 'Resident memory size.', process.memoryUsage.rss())];
  } catch {
    return [];
  }
}

/** How finely the delay of the event loop is sampled. */
const delayResolutionMs = 10;

/** What can be measured of the process itself. */
export class ProcessMetrics {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: delayResolutionMs });

  constructor() {
    this.#delay.enable();
  }

  close(): void {
    this.#delay.disable();
  }

  /** The delays are those since the last call. */
  collect(): readonly Metric[] {
    const { user, system } = process.cpuUsage();
    const delays = [0.5, 0.99].map((quantile) => ({
      labels: { quantile: String(quantile) },
      value: this.#delayOf(this.#delay.percentile(quantile * 100)),
    }));
    delays.push({ labels: { quantile: '1' }, value: this.#delayOf(this.#delay.max) });
    this.#delay.reset();
    return [
      {
        name: 'kvorum_event_loop_delay_seconds',
        help: 'By how much turns of the event loop came late since the last scrape.',
        type: 'gauge',
        samples: delays,
      },
      counter('process_cpu_seconds_total', 'User and system CPU time spent.', (user + system) / 1e6),
      ...residentMemory(),
    ];
  }

  /** The histogram measures the whole interval. */
  #delayOf(intervalNs: number): number {
    return Number.isFinite(intervalNs) ? Math.max(0, intervalNs / 1e9 - delayResolutionMs / 1000) : 0;
  }
}
