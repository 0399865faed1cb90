import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { UsageError } from './exit-codes.js';
import { firstArgument, FlagValues, parseFlags, type FlagSpec } from './flags.js';

const specs: readonly FlagSpec[] = [
  { name: 'id', kind: 'text', default: 'node1', summary: '' },
  { name: 'port', kind: 'number', default: '50051', summary: '', min: 1, max: 65_535 },
  { name: 'count', kind: 'number', summary: '' },
  { name: 'fast', kind: 'boolean', default: 'false', summary: '' },
  { name: 'format', kind: 'text', summary: '', choices: ['jsonl', 'tsv'] },
  {
    name: 'even',
    kind: 'number',
    summary: '',
    check: (value) => {
      if (Number(value) % 2 !== 0) throw new Error(`${value} is odd`);
    },
  },
];

function parse(...words: readonly string[]) {
  const { given, args } = parseFlags(words, specs);
  return { flags: new FlagValues(specs, given), args };
}

function refusal(...words: readonly string[]): string {
  try {
    parse(...words);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error.message;
  }
  return assert.fail(`${words.join(' ')} was not refused`);
}

describe('parseFlags', () => {
  it('takes every spelling of a flag with a value', () => {
    for (const words of [['-id=x'], ['--id=x'], ['-id', 'x'], ['--id', 'x']]) {
      const { flags, args } = parse(...words, 'rest');
      assert.equal(flags.text('id'), 'x');
      assert.deepEqual(args, ['rest']);
    }
  });

  it('takes every spelling of a boolean, and no word after it', () => {
    for (const word of ['-fast', '--fast', '-fast=true', '--fast=true']) {
      const { flags, args } = parse(word, 'false');
      assert.equal(flags.boolean('fast'), true);
      assert.deepEqual(args, ['false']);
    }
    assert.equal(parse('--fast=false').flags.boolean('fast'), false);
  });

  it('knows defaults, and what was not given', () => {
    const { flags } = parse();
    assert.equal(flags.text('id'), 'node1');
    assert.equal(flags.number('port'), 50_051);
    assert.equal(flags.boolean('fast'), false);
    assert.equal(flags.optional('format'), undefined);
    assert.equal(flags.optional('id'), 'node1');
    assert.equal(flags.text('format'), '');
  });

  it('takes a value as it is: empty, with equals signs, with a dash, with a line break', () => {
    assert.equal(parse('-id=').flags.text('id'), '');
    assert.equal(parse('-id=a=b').flags.text('id'), 'a=b');
    assert.equal(parse('-id', '-x').flags.text('id'), '-x');
    assert.equal(parse('-id=a\nb').flags.text('id'), 'a\nb');
    assert.equal(parse('-id', '--').flags.text('id'), '--');
  });

  it('finds flags before, between and behind arguments; behind -- there are none', () => {
    const { flags, args } = parse('a', '-id=x', '-', 'b', '--', '-fast', '--', 'c');
    assert.equal(flags.text('id'), 'x');
    assert.equal(flags.boolean('fast'), false);
    assert.deepEqual(args, ['a', '-', 'b', '-fast', '--', 'c']);
  });

  it('any words behind -- are arguments, and any value comes through', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.string(), (words, value) => {
        const { flags, args } = parse(`-id=${value}`, '--', ...words);
        assert.equal(flags.text('id'), value);
        assert.deepEqual(args, words);
      }),
    );
  });

  it('refuses with one line that names the flag and the rule', () => {
    assert.equal(refusal('-nope'), 'unknown flag -nope');
    assert.equal(refusal('--nope=1'), 'unknown flag --nope');
    assert.equal(refusal('---id=x'), 'unknown flag ---id');
    assert.equal(refusal('-=x'), 'unknown flag -');
    assert.equal(refusal('-ID=x'), 'unknown flag -ID');
    assert.equal(refusal('-id'), 'flag -id needs a value');
    assert.equal(refusal('-id=x', '--id=y'), 'flag -id is given twice');
    assert.equal(refusal('-fast=yes'), 'flag -fast must be true or false, not "yes"');
    assert.equal(refusal('-format=xml'), 'flag -format must be one of jsonl, tsv, not "xml"');
    assert.equal(refusal('-even=3'), 'flag -even: 3 is odd');
  });

  it('holds numbers against their limits', () => {
    assert.equal(parse('-port=1').flags.number('port'), 1);
    assert.equal(parse('-port=65535').flags.number('port'), 65_535);
    assert.equal(parse(`-count=${Number.MAX_SAFE_INTEGER}`).flags.number('count'), Number.MAX_SAFE_INTEGER);
    for (const value of ['0', '65536', '-1', '1.5', '1e3', '0x10', '', ' 1', 'x', '9'.repeat(30)]) {
      const rule = `flag -port must be a whole number from 1 to 65535, not ${JSON.stringify(value)}`;
      assert.equal(refusal(`-port=${value}`), rule);
    }
    assert.match(refusal('-count=9007199254740992'), /from 0 to 9007199254740991/);
  });
});

describe('firstArgument', () => {
  it('passes over flags and their values, and looks no further', () => {
    assert.equal(firstArgument(['get', '-nope'], specs), 0);
    assert.equal(firstArgument(['-id', 'x', '--fast', '-port=1', 'get'], specs), 4);
    assert.equal(firstArgument(['--', '-get'], specs), 1);
    assert.equal(firstArgument(['-'], specs), 0);
    for (const words of [[], ['--'], ['-id', 'x'], ['-fast']]) assert.equal(firstArgument(words, specs), -1);
    assert.throws(() => firstArgument(['-nope', 'get'], specs), UsageError);
    assert.throws(() => firstArgument(['-id'], specs), UsageError);
  });
});
