import { medianOf, metrics, type Figures, type Figure } from './figures.js';
import { judge } from './targets.js';

/** Three significant digits are all that a run on a busy machine tells. */
export function shortNumber(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

/** The medians as a table in Markdown: the first system's ratio to each other one. */
export function ratioTable(figures: Figures, systems: readonly string[]): string {
  const [own, ...others] = systems as [string, ...string[]];
  const extra = new Set(figures.all.flatMap((figure) => [...figure.samples.keys()]));
  for (const name of systems) extra.delete(name);
  const peers = [...others, ...extra];
  const header = ['load', 'unit', own, ...peers.flatMap((peer) => [peer, `ratio to ${peer}`]), 'target'];
  const rows = figures.all.map((figure) => row(figure, own, peers));
  const used = header.map((_, column) => rows.some((cells) => cells[column] !== ''));
  const shown = [header, ...rows].map((cells) => cells.filter((_, column) => used[column]));
  const widths = shown[0]!.map((_, column) => Math.max(...shown.map((cells) => cells[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join(' | ')} |\n`;
  const rule = `| ${widths.map((width, column) => (column < 2 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |\n`;
  return [line(shown[0]!), rule, ...shown.slice(1).map(line)].join('');
}

function row(figure: Figure, own: string, peers: readonly string[]): string[] {
  const mine = medianOf(figure, own);
  const cells = peers.flatMap((peer) => {
    const theirs = medianOf(figure, peer);
    if (theirs === undefined) return ['', ''];
    // Differences may be nothing, or less.
    const hasRatio = mine !== undefined && figure.metric !== 'over';
    return [shortNumber(theirs), hasRatio ? shortNumber(mine / theirs) : ''];
  });
  const verdicts = judge(figure, own).map(({ text, met }) => `${text} ${met ? 'met' : 'MISSED'}`);
  return [
    figure.load,
    metrics[figure.metric].unit,
    mine === undefined ? '' : shortNumber(mine),
    ...cells,
    verdicts.join(', '),
  ];
}
