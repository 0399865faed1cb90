import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { optionNames, parseArguments, replayCommand, usage, UsageError } from './arguments.js';

/** @returns the message of the UsageError */
function refusal(line: string): string {
  try {
    parseArguments(line.split(' '));
  } catch (error) {
    assert.ok(error instanceof UsageError);
    return error.message;
  }
  assert.fail(`${line} was taken`);
}

describe('the arguments of the simulator', () => {
  it('are one run of a fresh seed, where nothing is said', () => {
    const args = parseArguments([]);
    assert.equal(args.mode, 'one-run');
    assert.equal(args.seed, undefined);
    assert.equal(args.workers, 2);
  });

  it('choose what is done', () => {
    const modes = {
      'one-run': '--seed 42 --trace FILE --verbose --members 3 --faults none',
      runs: '--runs 1000 --seed 7 --workers 1 --members 7',
      'until-failure': '--until-failure --seed 7',
      kept: '--kept --workers 1',
      shrink: '--seed 7 --shrink --calls 3',
      mutants: '--mutants --recorded --workers 2',
      help: '--kept --help',
    };
    for (const [mode, line] of Object.entries(modes))
      assert.equal(parseArguments(line.split(' ')).mode, mode);
    assert.equal(parseArguments(['--mutants', '--mutant', 'quorum-of-half']).mutant, 'quorum-of-half');
  });

  it('are refused where an option has no sense beside another', () => {
    assert.equal(refusal('--runs 5 --trace FILE'), '--trace does not go with --runs');
    assert.equal(refusal('--until-failure --verbose'), '--verbose does not go with --until-failure');
    assert.equal(refusal('--kept --members 3'), '--members does not go with --kept');
    assert.equal(refusal('--kept --runs 5'), '--kept and --runs do not go together');
    assert.equal(refusal('--mutant a --shrink'), '--mutant and --shrink do not go together');
    assert.equal(refusal('--seed 1 --recorded'), '--recorded does not go with a single run');
    assert.equal(refusal('--shrink'), '--shrink needs the --seed that fails');
  });

  it('are refused outside of their limits', () => {
    assert.equal(refusal('--seed x'), '--seed is a whole number from 0 on, not x');
    assert.equal(refusal('--seed 0x10'), '--seed is a whole number from 0 on, not 0x10');
    assert.equal(
      refusal('--seed 9007199254740993'),
      '--seed is a whole number from 0 on, not 9007199254740993',
    );
    assert.equal(refusal('--runs 0'), '--runs is a whole number from 1 on, not 0');
    assert.equal(refusal('--runs 2 --workers 65'), '--workers is a whole number from 1 to 64, not 65');
    assert.equal(refusal('--members 8'), '--members is a whole number from 1 to 7, not 8');
    assert.equal(parseArguments(['--members', '7', '--seed', '9007199254740991']).changes.members, 7);
    assert.match(refusal('--faults kill'), /kill\.1.*not kill$/);
    assert.match(refusal('--faults kill.1,kil.2'), /not kil\.2$/);
    assert.match(refusal('--nope'), /--nope/);
  });

  it('of a replay are taken as they were meant', () => {
    const changes = { members: 3, clients: 0, callsMax: 7, durationMs: 1500, faults: ['kill.1', 'pause.2'] };
    for (const each of [changes, { faults: [] }, {}]) {
      const words = replayCommand(5, each).split(' ').slice(4);
      const args = parseArguments(words);
      assert.equal(args.seed, 5);
      assert.deepEqual(JSON.parse(JSON.stringify(args.changes)), each);
    }
  });

  it('are all named by --help', () => {
    for (const name of optionNames) assert.match(usage, new RegExp(`--${name}[ \\n]`), name);
  });
});
