/** What can happen to a cluster. Most take some time and then end by themselves. */
export const faultKinds = [
  'power-loss',
  'power-loss-everywhere',
  'kill',
  'restart-gracefully',
  'rolling-upgrade',
  'roll-back',
  'pause',
  'partition',
  'isolate-leader',
  'chase-leaders',
  'cut-one-way',
  'bridge',
  'flap',
  'slow-link',
  'narrow-link',
  'lossy-link',
  'late-answers',
  'straggler',
  'disconnect',
  'drift',
  'wall-jump',
  'slow-disk',
  'failing-sync',
  'failing-write',
  'failing-read',
  'failing-state',
  'full-disk',
  'lying-sync',
  'lost-syncs',
  'lost-sector',
  'rot-log',
  'rot-snapshot',
  'rot-state',
  'transfer-leadership',
  'join',
  'remove',
  'remove-at-once',
  'replace',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** What they do does not show as long as they last: nobody is known to be healthy then. */
const hiddenKinds: ReadonlySet<FaultKind> = new Set(['chase-leaders', 'flap', 'narrow-link']);

/** What they do shows in the machines, their disks and links, so that it is known who is healthy meanwhile (standings.ts). */
export const visibleKinds: ReadonlySet<string> = new Set([
  ...faultKinds.filter((kind) => !hiddenKinds.has(kind)),
  'corner-distant-member',
  'corner-hung-leader',
  'corner-snapshot-stream',
]);

/** As faultThemes, of runs that chance gives none of those to take its place. */
export const stragglerThemes: readonly (readonly FaultKind[])[] = [
  ['straggler', 'isolate-leader', 'transfer-leadership'],
  ['straggler', 'transfer-leadership', 'chase-leaders', 'cut-one-way'],
  ['straggler', 'kill', 'power-loss', 'isolate-leader', 'late-answers'],
  ['straggler', 'join', 'remove', 'replace', 'transfer-leadership'],
];

/** Kinds that bring out the worst in each other: some runs have nothing else. */
export const faultThemes: readonly (readonly FaultKind[])[] = [
  ['chase-leaders'],
  ['chase-leaders', 'power-loss', 'cut-one-way', 'lossy-link', 'slow-link', 'disconnect'],
  ['power-loss', 'power-loss-everywhere', 'kill', 'slow-disk', 'chase-leaders'],
  ['failing-sync', 'failing-write', 'failing-state', 'full-disk', 'power-loss', 'kill', 'rot-log'],
  ['join', 'remove', 'remove-at-once', 'replace', 'transfer-leadership', 'chase-leaders', 'power-loss'],
  ['join', 'replace', 'power-loss', 'kill', 'rot-snapshot', 'slow-link', 'disconnect'],
  ['late-answers', 'pause', 'drift', 'isolate-leader', 'transfer-leadership', 'cut-one-way'],
];
