import type { Environment } from './environment.js';
import { medianOf, metrics, type Figures } from './figures.js';
import { judge } from './targets.js';

/** Everything that was measured, for programs: medians, ratios, and every sample. */
export function toJson(environment: Environment, figures: Figures, systems: readonly string[]): string {
  const [own, ...others] = systems as [string, ...string[]];
  const measured = figures.all.map((figure) => {
    const mine = medianOf(figure, own);
    const ratios = others.map((peer): [string, number | null] => {
      const theirs = medianOf(figure, peer);
      return [peer, mine === undefined || theirs === undefined ? null : mine / theirs];
    });
    return {
      part: figure.part,
      load: figure.load,
      ...metrics[figure.metric],
      medians: Object.fromEntries([...figure.samples.keys()].map((name) => [name, medianOf(figure, name)])),
      ratios: Object.fromEntries(ratios),
      targets: judge(figure, own),
      samples: Object.fromEntries(figure.samples),
    };
  });
  return `${JSON.stringify({ ...environment, systems, figures: measured }, undefined, 2)}\n`;
}
