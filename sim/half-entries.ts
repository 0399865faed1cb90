import type { MemberParts } from '../src/member/parts.js';
import type { Dice } from './dice.js';

/** Of the moments in which an entry is left half applied. */
const flushPart = 0.1;
const killPart = 0.02;

/**
 * An entry that takes several turns is left in its middle again and again, and little time passes there: a flush, as for a
 * snapshot, and the end of the process would hardly ever fall into it.
 *
 * @param kill ends the process, soon
 */
export function disturbHalfEntries(
  { machine: state, backend }: Pick<MemberParts, 'machine' | 'backend'>,
  dice: Dice,
  kill: () => void,
): void {
  const apply = state.apply.bind(state);
  state.apply = (entry, work) => {
    const applied = apply(entry, work);
    if (applied !== undefined) return applied;
    if (dice.chance(flushPart)) {
      backend.flush().catch(() => {
        // Told through onFlushed.
      });
    }
    if (dice.chance(killPart)) kill();
    return undefined;
  };
}
