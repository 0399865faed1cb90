import { mutant, type Mutant } from './mutant.js';

const levels = 'src/base/feature-levels.ts';
const memberTable = 'src/fsm/members/member-table.ts';

/** Faults of the feature level. */
export const levelMutants: readonly Mutant[] = [
  {
    name: 'level-raised-by-a-majority',
    fault: 'the level is raised when a majority of the members knows the next',
    patches: [
      {
        file: levels,
        original: 'const level = Math.min(...ranges.map(({ max }) => max));',
        replacement:
          'const level = ranges.map(({ max }) => max).sort((left, right) => right - left)[Math.floor(ranges.length / 2)]!;',
      },
      {
        file: levels,
        original: 'return ranges.every((range) => knowsLevel(range, level)) ? level : undefined;',
        replacement: 'return level;',
      },
      {
        file: memberTable,
        original: 'return this.#members.every(({ levels }) => knowsLevel(levels, level));',
        replacement:
          'return this.#members.filter(({ levels }) => knowsLevel(levels, level)).length > this.#members.length / 2;',
      },
    ],
  },
  mutant(
    'level-decided-when-proposed',
    'the level is raised though a member that does not know it has come since that was proposed',
    memberTable,
    'if (level <= this.#featureLevel || !this.#isKnownToAll(level)) return this.#featureLevel;',
    'if (level <= this.#featureLevel) return this.#featureLevel;',
  ),
  mutant(
    'too-old-goes-on',
    'a member goes on at a level that its version does not know',
    memberTable,
    `    requireKnown(this.#known, level, 'this version of Kvorum');
    this.#setFeatureLevel(level);`,
    '    this.#setFeatureLevel(level);',
  ),
  mutant(
    'used-before-the-level',
    'what a level brings is proposed before the cluster is at it',
    levels,
    'if (current >= needed) return;',
    'if (needed > 0) return;',
  ),
];
