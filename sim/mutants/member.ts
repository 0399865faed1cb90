import { mutant, type Mutant } from './mutant.js';

const member = (file: string): string => `src/member/${file}.ts`;

/** Faults of the loop that ties Raft, log, state and callers together. */
export const memberMutants: readonly Mutant[] = [
  {
    name: 'messages-before-disk',
    fault: 'votes and acknowledgements leave beside the write that they promise',
    patches: [
      {
        file: member('log-writes'),
        original: 'after: [...messagesAfterPersist]',
        replacement: 'after: (this.#parts.send(messagesAfterPersist), [])',
      },
      {
        file: member('log-writes'),
        original: 'write.after.unshift(...messagesAfterHardState);',
        replacement: 'this.#parts.send(messagesAfterHardState);',
      },
    ],
  },
  mutant(
    'lease-outlives-a-pause',
    'a leader that was paused serves from its lease when it wakes up',
    member('loop'),
    '      raft.timeLost();\n',
    '',
  ),
  mutant(
    'log-cut-ahead-of-state',
    'the log is cut before the state that replaces it is on disk',
    member('loop'),
    `      backend.flushed.index,
`,
    '',
  ),
  mutant(
    'log-reset-before-state',
    'at the installation of a snapshot the log is emptied before the state is switched',
    member('loop'),
    `      await install.activate(() => this.#stateSwitched(meta.term));
      await wal.reset({ index: meta.index, term: meta.term });`,
    `      await wal.reset({ index: meta.index, term: meta.term });
      await install.activate(() => this.#stateSwitched(meta.term));`,
  ),
  mutant(
    'state-not-reloaded',
    'after the installation of a snapshot the member goes on with what it had in memory',
    member('loop'),
    '    this.#parts.machine.reload();\n',
    '',
  ),
  mutant(
    'state-reloaded-late',
    'for a while after the installation of a snapshot new rows are read with the old revision',
    member('loop'),
    `activate(() => this.#stateSwitched(meta.term));
      await wal.reset({ index: meta.index, term: meta.term });`,
    `activate(() => {});
      await wal.reset({ index: meta.index, term: meta.term });
      this.#stateSwitched(meta.term);`,
  ),
  mutant(
    'read-before-applied',
    'a read is answered from a state that does not hold its index yet',
    member('reads'),
    'if (index <= appliedIndex) this.#release(waiters);',
    'if (index > 0) this.#release(waiters);',
  ),
  mutant(
    'late-reads-join-a-round',
    'a read is answered with the index of a round that began before it',
    member('reads'),
    `    const waiters = this.#inRound;
    this.#inRound = [];`,
    `    const waiters = [...this.#inRound, ...this.#gathering];
    this.#inRound = [];
    this.#gathering = [];`,
  ),
  mutant(
    'answer-to-an-earlier-round',
    'the late answer to one round of reads is taken for the next',
    member('reads'),
    'if (context < this.#roundContext || this.#inRound.length === 0) return;',
    'if (this.#inRound.length === 0) return;',
  ),
  mutant(
    'follower-reads-unasked',
    'a member answers reads from its own state without asking the leader',
    member('raft-member'),
    'if (options?.serializable !== true) await this.readBarrier(options);',
    '',
  ),
  mutant(
    'unknown-told-as-failed',
    'a write whose outcome is not known is answered as failed',
    member('proposals'),
    `    'OUTCOME_UNKNOWN',
    'no majority`,
    `    'NO_LEADER',
    'no majority`,
  ),
  mutant(
    'retried-while-it-may-stand',
    'a write is proposed again though its entry may still be committed',
    member('proposals'),
    'if (group.term >= term) continue;',
    '',
  ),
  mutant(
    'retried-after-a-snapshot',
    'a write is proposed again though the snapshot that came may hold it',
    member('proposals'),
    `      this.#waitingCount -= group.calls.length;
      rejectUnknown(group, 'this`,
    `      this.#putBack(group);
      if (this.#waitingCount < 0) rejectUnknown(group, 'this`,
  ),
  mutant(
    'answers-mixed-up',
    'every caller of an entry is given the answer of the first',
    member('proposals'),
    '      at += commandsIn(call);\n',
    '',
  ),
  mutant(
    'answers-to-strangers',
    "a caller is given the answer to another member's entry of the same number",
    member('raft-member'),
    'if (applied.batch?.proposer === this.#proposer) {',
    'if (applied.batch !== undefined) {',
  ),
  mutant(
    'compared-when-proposed',
    'a comparison is made by the member that is asked, before the write is in the log',
    member('raft-member'),
    '      this.#proposals.addAll(commands, options, completion);',
    `      const decided = commands.map((command) => {
        if (!('expectedModRevision' in command)) return command;
        const { key, expectedModRevision } = command;
        const found = this.rangeLocal({ key, revision: 0, limit: 1 }).items[0]?.modRevision ?? 0;
        return found === expectedModRevision ? { ...command, expectedModRevision: undefined } : command;
      });
      this.#proposals.addAll(decided, options, completion);`,
  ),
  mutant(
    'condition-lost-when-proposed-again',
    'a write that the leader did not take is proposed again without its condition',
    member('proposals'),
    '    this.#queue.splice(at < 0 ? this.#queue.length : at, 0, ...calls);',
    `    const unconditional = (command: Command) => ({ ...command, expectedModRevision: undefined });
    const changed = calls.map((call) =>
      call.kind === 'one' ? call : { ...call, commands: call.commands.map(unconditional) },
    );
    this.#queue.splice(at < 0 ? this.#queue.length : at, 0, ...changed);`,
  ),
  mutant(
    'change-lost-in-a-batch',
    'a change of members that is applied together with later entries is told as lost (it was so once)',
    member('loop'),
    `      this.#configs.applied(entry.index, entry.term);
      this.#listener.entryApplied(applied);
    }
    machine.commit();
    const { index } = machine.applied;
    raft.applied(index);
`,
    `      this.#listener.entryApplied(applied);
    }
    machine.commit();
    const { index, term } = machine.applied;
    raft.applied(index);
    this.#configs.applied(index, term);
`,
  ),
  mutant(
    'dropped-change-told-as-done',
    'a change of members that the leader did not take is told as done',
    member('membership-changes'),
    `throw this.#unfitError(change);
        }
        return 'not-applied';`,
    `throw this.#unfitError(change);
        }
        return 'applied';`,
  ),
  mutant(
    'members-looked-up-in-the-past',
    'a change of members is decided from what the member has applied, however old',
    member('membership-changes'),
    'await this.#parts.readBarrier({ ...options, timeoutMs: leftMs });',
    'await Promise.resolve(options);',
  ),
  mutant(
    'unary-answers-swapped',
    'a call alone is given the answer of the next in its entry, if that is of its kind',
    member('proposals'),
    "if (call.kind === 'one') call.waiter.resolve(results[from]!);",
    `if (call.kind === 'one') {
        const next = results[from + 1];
        call.waiter.resolve(next?.type === results[from]!.type ? next : results[from]!);
      }`,
  ),
  mutant(
    'policy-compacts-to-the-newest',
    'once there are more revisions than the policy keeps, all are forgotten',
    member('compaction-policy'),
    'Math.max(0, Math.floor((revision - compactionRevisions) / step) * step);',
    'revision > compactionRevisions + step ? revision : 0;',
  ),
  mutant(
    'policy-halves-the-age',
    'what is half as old as the policy keeps it is forgotten',
    member('compaction-policy'),
    'nowMs - atMs >= compactionAgeMs);',
    '2 * (nowMs - atMs) >= compactionAgeMs);',
  ),
  mutant(
    'policy-asks-once',
    'the policy asks for one compaction, and never for another',
    member('compaction'),
    '        this.#asking = false;\n',
    '',
  ),
];
