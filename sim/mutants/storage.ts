import { mutant, type Mutant } from './mutant.js';

const storage = (file: string): string => `src/storage/${file}.ts`;

/** Faults of the log and the state on disk. */
export const storageMutants: readonly Mutant[] = [
  mutant(
    'vote-forgotten',
    'the vote of a term is not written to disk',
    storage('wal/format'),
    'this.#bytes.writeBigUInt64LE(state.vote, at + 8);',
    'this.#bytes.writeBigUInt64LE(0n, at + 8);',
  ),
  mutant(
    'write-without-sync',
    'the log is written and not synced',
    storage('wal/wal'),
    'await this.#file.writeDurable(this.#position, [this.#writer.bytes]);',
    'await this.#file.write(this.#position, [this.#writer.bytes.slice()]);',
  ),
  mutant(
    'failed-sync-ignored',
    'the log goes on after a failed write as if it had been made',
    storage('wal/wal'),
    `        this.#failure = error instanceof Error ? error : new Error(String(error));
        for (const work of [...works, ...this.#queue]) work.failed(error);
        this.#queue = [];
        break;
`,
    '        void error;\n',
  ),
  mutant(
    'torn-record-accepted',
    'the checksum of a record is not looked at',
    storage('wal/format'),
    'if (end > bytes.length || recordCrc(format, bytes, start, payloadSizeBytes, previousCrc) !== crc) {',
    'if (end > bytes.length) {',
  ),
  mutant(
    'torn-tail-refused',
    'a torn last write, which was never acknowledged, is taken for damage',
    storage('wal/recover'),
    "this.#checkTorn(segment, bytes, position, read.kind === 'end');",
    "throw this.#damaged(segment.name, 'is torn');",
  ),
  mutant(
    'damage-taken-for-torn-tail',
    'acknowledged entries behind a damaged record are cut away in silence',
    storage('wal/recover'),
    "this.#checkTorn(segment, bytes, position, read.kind === 'end');",
    '',
  ),
  mutant(
    'later-batches-not-looked-for',
    'a sector that is lost before the last batch is taken for a torn write, and all behind it is cut away',
    storage('wal/recover'),
    'if (head.batch <= batch) continue;',
    'if (head.batch >= batch || head.batch < batch) continue;',
  ),
  {
    name: 'checksum-not-chained',
    fault: 'records are valid wherever they stand, and what a torn write left is not cleaned',
    patches: [
      {
        file: storage('wal/format'),
        original: 'return format === 1 ? crc32c(summed, previous) : crc32(summed, previous);',
        replacement: 'return format === 1 ? crc32c(summed, previous & 0) : crc32(summed, previous & 0);',
      },
      {
        file: storage('wal/wal'),
        original: 'recovered.tornTailBytes > 0 ? end.fileSizeBytes - end.position : 0;',
        replacement: '0;',
      },
    ],
  },
  mutant(
    'segment-forgets-the-vote',
    'a new segment does not carry term and vote over from the one before',
    storage('wal/wal'),
    'hardState: this.#hardState,\n        previousCrc: this.#crc,',
    'hardState: { term: 0, vote: 0n, commit: 0 },\n        previousCrc: this.#crc,',
  ),
  mutant(
    'overwritten-entries-return',
    'a restart brings back entries that were overwritten',
    storage('wal/recover'),
    '    this.#terms.truncateFrom(entry.index);\n',
    '    if (entry.index <= lastIndex) return;\n',
  ),
  mutant(
    'cut-one-segment-too-many',
    'the log removes a segment that still holds entries',
    storage('wal/wal'),
    'this.#segments[1]!.firstIndex <= index + 1',
    'this.#segments[0]!.firstIndex <= index + 1',
  ),
  mutant(
    'segment-changes-its-format',
    'a segment that was begun in an older format goes on in the newest',
    storage('wal/wal'),
    'this.#format = state.end.format;',
    'this.#format = options.format;',
  ),
  {
    name: 'half-a-batch-is-flushed',
    fault: 'a flush in the middle of a batch takes what there is of it, at the position before',
    patches: [
      {
        file: storage('backend/flusher'),
        original: 'if (this.backlog.midBatch) await this.#whenBatchEnds();',
        replacement: 'if (this.backlog.openKeys < 0) await this.#whenBatchEnds();',
      },
      {
        file: storage('backend/backlog'),
        original: "    assert(!this.#midBatch, 'a transaction ends with a whole batch');\n",
        replacement: '',
      },
    ],
  },
  mutant(
    'transaction-without-what-came-later',
    'what a later transaction changes again is left out of the one before',
    storage('backend/backlog'),
    '    for (const change of transaction.superseded) changes.push(change);\n',
    '',
  ),
  mutant(
    'backlog-outlives-its-state',
    'what was applied to the state before a snapshot is laid over that of the snapshot',
    storage('backend/flusher'),
    '    this.backlog.clear();\n',
    '',
  ),
  mutant(
    'flushed-before-it-is',
    'a transaction counts as durable when it begins',
    storage('backend/flusher'),
    '        await this.#around.requireWritable(next.sizeBytes);\n',
    '        this.#flushed = next.position;\n        this.#around.flushed();\n        await this.#around.requireWritable(next.sizeBytes);\n',
  ),
  mutant(
    'removed-rows-untold',
    'a row that is removed and still on disk is passed over without a word to who counts them',
    storage('backend/backlog'),
    '      else if (withRemoved === true) yield { key, value: emptyBytes, removed: true };\n      top = above.next();\n',
    '      top = above.next();\n',
  ),
];
