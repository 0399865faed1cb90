import { mutant, type Mutant } from './mutant.js';

const fsm = (file: string): string => `src/fsm/${file}.ts`;

/** Faults of the replicated state machine. */
export const stateMutants: readonly Mutant[] = [
  mutant(
    'applied-index-ahead-of-data',
    'the applied index is saved before the data that belongs to it',
    fsm('state-machine'),
    '    this.#keys.compactStep();\n',
    '    this.#backend.commit(this.#applied);\n    this.#keys.compactStep();\n',
  ),
  mutant(
    'applied-index-behind-data',
    'data is saved with the applied index of the batch before, and applied again (etcd #13766)',
    fsm('state-machine'),
    '    this.#backend.commit(this.#applied);',
    `    const saved = this as unknown as { before?: AppliedPosition };
    this.#backend.commit(saved.before ?? this.#applied);
    saved.before = this.#applied;`,
  ),
  mutant(
    'revision-not-saved',
    'the revision is kept in memory alone, and goes back after a crash',
    fsm('state-machine'),
    '    this.#keys.save();\n',
    '',
  ),
  {
    ...mutant(
      'revision-from-the-changes',
      'after a restart the revision is that of the newest change which is not compacted (etcd #17780)',
      fsm('mvcc/key-space'),
      '    this.#storedRevision = this.#revision;\n    this.#compaction.reload();',
      `    let newest = this.#revision;
    for (const row of this.#backend.range('revisions', { reverse: true })) {
      newest = decodePlaceKey(row.key).revision;
      break;
    }
    if (row !== undefined) this.#revision = [...this.#backend.range('revisions', {})].length > 0 ? newest : 1;
    this.#storedRevision = this.#revision;
    this.#compaction.reload();`,
    ),
    survives: 'needs a restart right after a compaction that leaves no change',
  },
  mutant(
    'compaction-not-saved',
    'how far the store is compacted is forgotten by a restart',
    fsm('mvcc/compaction'),
    `    this.#revision = revision;
    this.#save();`,
    '    this.#revision = revision;',
  ),
  mutant(
    'compaction-takes-one-too-many',
    'a compaction removes what its own revision still sees',
    fsm('mvcc/compaction'),
    'const end = placeKey({ revision: this.#revision, sub: 0 });',
    'const end = placeKey({ revision: this.#revision + 2, sub: 0 });',
  ),
  mutant(
    'delete-leaves-no-tombstone',
    'the past of a key does not tell that it was deleted',
    fsm('mvcc/write-txn'),
    "    this.#backend.put('history', historyKey(key, tombstone.mod), encodeVersion(tombstone));\n",
    '',
  ),
  mutant(
    'past-read-at-the-present',
    'a read of the past is answered with the newest value',
    fsm('mvcc/key-space'),
    'if (current !== undefined && current.mod.revision <= revision) return current;',
    'if (current !== undefined) return current;',
  ),
  mutant(
    'range-delete-takes-its-end',
    'a delete of a range takes the key at its end too',
    fsm('mvcc/write-txn'),
    '{ start: key, end: toEnd ? undefined : end })]',
    '{ start: key, end: toEnd ? undefined : Uint8Array.from([...end, 0x7f]) })]',
  ),
  {
    name: 'state-depends-on-the-member',
    fault: 'what an entry does depends on how long the member has been running',
    patches: [
      {
        file: fsm('mvcc/key-space'),
        original: '  #storedRevision: Revision = 0;\n',
        replacement: '  #storedRevision: Revision = 0;\n  #writes = 0;\n',
      },
      {
        file: fsm('mvcc/key-space'),
        original: 'if (txn.changed) this.#revision++;',
        replacement: 'if (txn.changed) this.#revision += ++this.#writes % 64 === 0 ? 2 : 1;',
      },
    ],
  },
  mutant(
    'removed-member-forgotten',
    'who was removed is forgotten by a restart',
    fsm('member-table'),
    "this.#backend.put('meta', idKey(removedPrefix, update.id), new Uint8Array(0));",
    '',
  ),
];
