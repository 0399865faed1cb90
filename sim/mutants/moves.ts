import { mutant, type Mutant } from './mutant.js';

/** Faults that show when members come back at other addresses. */
export const moveMutants: readonly Mutant[] = [
  {
    name: 'raft-address-never-published',
    fault: 'a member that came back elsewhere makes its client address known, and nobody its Raft address',
    patches: [
      {
        file: 'src/member/publication.ts',
        original: 'return placed?.commands;',
        replacement: 'return undefined;',
      },
      {
        file: 'src/member/publication.ts',
        original: ' ?? this.#placeOfOther(moved)',
        replacement: '',
      },
    ],
  },
  mutant(
    'greeting-says-no-address',
    'a member is called where the table has it, wherever it says that it is',
    'src/peer/address-book.ts',
    "const moved = this.#say(id, { source: 'greeting', address });",
    "const moved = !this.#members.has(id) && this.#say(id, { source: 'greeting', address });",
  ),
  mutant(
    'changed-places-never-known',
    'an address that another member has in the table is not made known, though that one is known to be elsewhere',
    'src/member/placing.ts',
    'if (next === undefined || next === address) return { holder };',
    'return { holder };',
  ),
  mutant(
    'overrides-forgotten',
    'where an operator says that members are is not listened to',
    'src/peer/address-book.ts',
    "if (this.#say(id, { source: 'override', address })) changed.push(id);",
    '',
  ),
  mutant(
    'start-epoch-from-the-clock-alone',
    'a member that is started again says when, by its clock: where that went back it is taken for an older process',
    'src/storage/data-folder/identity.ts',
    'return Math.max(last + 1, clockEpoch) + randomInt(random, chanceEpochs);',
    'return clockEpoch + randomInt(random, chanceEpochs);',
  ),
];
