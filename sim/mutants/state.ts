import { mutant, type Mutant } from './mutant.js';

const fsm = (file: string): string => `src/fsm/${file}.ts`;

/** Faults of the replicated state machine. */
export const stateMutants: readonly Mutant[] = [
  mutant(
    'applied-index-ahead-of-data',
    'the applied index is saved before the data that belongs to it (etcd #13766)',
    fsm('state-machine'),
    '      const applied = this.#apply(entry, work);\n',
    '      this.#backend.commit({ index: entry.index, term: entry.term });\n      const applied = this.#apply(entry, work);\n',
  ),
  mutant(
    'applied-index-behind-data',
    'data is saved with the applied index of the batch before, and applied again',
    fsm('state-machine'),
    '    this.#backend.commit(this.#applied);',
    `    const saved = this as unknown as { before?: AppliedPosition };
    this.#backend.commit(saved.before ?? this.#applied);
    saved.before = this.#applied;`,
  ),
  mutant(
    'revision-not-saved',
    'the revision is kept in memory alone, and goes back after a crash',
    fsm('keys/keys-part'),
    '    this.#keys.save();\n',
    '',
  ),
  mutant(
    'revision-from-what-is-left',
    'after a restart the revision is the newest that a key or a change has which is not compacted: a compacted deletion takes it back (etcd #17780)',
    fsm('keys/key-space'),
    `    this.#storedRevision = this.#revision;
    this.#writing = undefined;
    this.#log.reload();
    this.#compaction.reload();`,
    `    this.#log.reload();
    this.#compaction.reload();
    let newest: Revision = firstRevision;
    for (const { value } of this.#backend.range('current', {}))
      newest = Math.max(newest, decodeVersion(value).mod.revision);
    for (const change of this.#log.since({ revision: this.compactRevision + 1, sub: 0 }))
      newest = Math.max(newest, change.place.revision);
    this.#storedRevision = this.#revision = newest;`,
  ),
  mutant(
    'changes-not-saved',
    'the changes of the last turns are kept in memory alone, and are gone after a crash',
    fsm('keys/key-space'),
    '    this.#log.save();\n',
    '',
  ),
  mutant(
    'compaction-not-saved',
    'how far the store is compacted is forgotten by a restart',
    fsm('keys/compaction'),
    '    writeTarget(this.#backend, this.#target);\n',
    '',
  ),
  mutant(
    'compaction-takes-one-too-many',
    'a compaction does not keep what its own revision still sees',
    fsm('keys/compaction'),
    'next: { revision, sub: 0 } };',
    'next: { revision: revision + 2, sub: 0 } };',
  ),
  mutant(
    'compaction-ends-before-its-walk',
    'a compaction removes changes before it has kept what later ones name',
    fsm('keys/compaction'),
    'if (this.#round.next.revision <= this.#round.through) looked',
    'if (this.#round.next.revision < this.#round.through - 2) looked',
  ),
  mutant(
    'kept-version-removed-early',
    'what a compaction keeps is removed with the change that wrote it',
    fsm('keys/compaction'),
    `if (!wasKept && !hasEntry) return;
    const { key, place, previous } = changeAt(segment, at, placeOfChange(segment, at));
    chargeLongKey(work, key);
    if (hasEntry) {
      work.charge();
      const entry = historyKey(key, place);
      if (this.#backend.get('history', entry)?.length === 0) entries.push(entry);
    }`,
    `const { key, place, previous } = changeAt(segment, at, placeOfChange(segment, at));
    entries.push(historyKey(key, place));`,
  ),
  mutant(
    'compacted-version-not-kept',
    'a version that was compacted while it was the newest is lost when it is replaced',
    fsm('keys/write-txn'),
    'previous.revision < this.#compactRevision ? row?.slice()',
    'false ? row?.slice()',
  ),
  mutant(
    'delete-leaves-no-tombstone',
    'the past of a key does not tell that it was deleted',
    fsm('keys/write-txn'),
    "    this.#backend.put('history', historyKey(key, tombstone.mod), noBytes);\n",
    '',
  ),
  mutant(
    'past-read-at-the-present',
    'a read of the past is answered with the newest value',
    fsm('keys/past'),
    'if (newest !== undefined && newest.mod.revision <= revision) return newest;',
    'if (newest !== undefined) return newest;',
  ),
  mutant(
    'half-a-deletion-is-seen',
    'a deletion of a range that takes several slices is seen before its end',
    fsm('keys/key-space'),
    'return this.#writing?.changed === true;',
    'return false;',
  ),
  mutant(
    'half-a-deletion-is-all',
    'a deletion of a range ends with its first slice',
    fsm('keys/range-deletion'),
    'if (!more) this.end();\n    return !more;',
    'this.end();\n    return true;',
  ),
  mutant(
    'deletion-begins-anew',
    'a deletion of a range that a crash cuts short begins anew, with the numbers that its first part has',
    fsm('keys/range-deletion'),
    'if (row === undefined) return undefined;',
    'return undefined;',
  ),
  mutant(
    'half-an-entry-applied-twice',
    'of an entry that a crash cuts short in the middle of a deletion, what stood before that is applied again',
    fsm('state-machine'),
    'row === undefined ? 0 : new ByteReader(row).varint();',
    '0;',
  ),
  mutant(
    'slices-at-the-newest',
    'a read of a range goes on at the newest revision instead of the one that it began at',
    fsm('keys/range-read'),
    'if (this.#generation !== this.#source.state.generation) this.#begin();',
    `if (this.#generation !== this.#source.state.generation) this.#begin();
      else if (this.#query.revision === 0) this.#revision = this.#source.state.revision;`,
  ),
  mutant(
    'slice-without-an-end',
    'a read of a range takes all in one turn, however long it is',
    fsm('keys/range-read'),
    "        if (work.spent && !first) return 'unfinished';\n",
    '',
  ),
  mutant(
    'rows-read-for-nothing',
    'a read of a range does not count the rows that it looks at',
    fsm('keys/candidates'),
    'else chargeRow(this.#work, this.#row, this.#valueBytesMax);',
    '',
  ),
  mutant(
    'range-delete-takes-its-end',
    'a delete of a range takes the key at its end too',
    fsm('keys/range-deletion'),
    '{ start: this.#next, end: this.#end, withRemoved',
    '{ start: this.#next, end: this.#end && Uint8Array.from([...this.#end, 0x7f]), withRemoved',
  ),
  {
    name: 'state-depends-on-the-member',
    fault: 'what an entry does depends on how long the member has been running',
    patches: [
      {
        file: fsm('keys/key-space'),
        original: '  #storedRevision: Revision = 0;\n',
        replacement: '  #storedRevision: Revision = 0;\n  #writes = 0;\n',
      },
      {
        file: fsm('keys/key-space'),
        original: 'if (txn.changed) this.#revision++;',
        replacement: 'if (txn.changed) this.#revision += ++this.#writes % 64 === 0 ? 2 : 1;',
      },
    ],
  },
  mutant(
    'failed-comparison-writes',
    'a put whose comparison failed is told as failed, and happens',
    fsm('keys/keys-part'),
    `    if (unexpected !== undefined) return unexpected;
    const previous`,
    `    if (unexpected !== undefined) {
      this.#keys.write((txn) => txn.put(key, value, lease, false));
      return unexpected;
    }
    const previous`,
  ),
  mutant(
    'no-such-key-taken-for-no-condition',
    'a write that expects that there is no such key happens in any case',
    fsm('keys/keys-part'),
    '    if (expected === undefined) return undefined;',
    '    if (expected === undefined || expected === 0) return undefined;',
  ),
  mutant(
    'removed-member-forgotten',
    'who was removed is forgotten by a restart',
    fsm('members/member-table'),
    "this.#backend.put('meta', idKey(removedPrefix, id), new Uint8Array(0));",
    '',
  ),
  mutant(
    'member-goes-on-with-damage',
    'a member that has met a changed row of its state refuses that read, and goes on',
    'src/member/raft-member.ts',
    'if (isDamage(error)) this.#loop.fail(error);',
    '',
  ),
  mutant(
    'snapshot-of-damage-tried-for-ever',
    'a leader that cannot read its damaged state for a snapshot tries again and again',
    'src/member/snapshot-view.ts',
    'if (isDamage(error)) this.#damaged(error);',
    '',
  ),
];
