import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { version } from '../version.js';
import { exitCodes } from './exit-codes.js';
import { firstArgument, parseFlags } from './flags.js';
import { OutputClosedError } from './output.js';
import { allCommands, runCli } from './run-cli.js';
import { FakeIo, runWords } from './testing/fake-io.js';

/** Flags as in the help: `-id=NAME`. */
const flagInHelp = /^ {2}-([a-z-]+)(=\S+)? {2,}\S/gm;

/** An example's words, without what a shell does with them. */
function wordsOf(example: string): string[] {
  return example.replace(/ [<>] \S+/g, '').split(' ');
}

describe('help', () => {
  it('of all commands names each with its arguments and what it is for', async () => {
    const { code, stdout, stderr } = await runWords(['help']);
    assert.deepEqual([code, stderr], [exitCodes.ok, '']);
    for (const { name, usage, summary } of allCommands) {
      const line = stdout.split('\n').find((each) => each.startsWith(`  ${`${name} ${usage}`.trim()} `));
      assert.ok(line?.endsWith(`  ${summary}`), `${name}: ${line}`);
    }
  });

  it('of all commands comes in every spelling', async () => {
    const { stdout } = await runWords(['help']);
    for (const words of [['-h'], ['-help'], ['--help'], ['-server=a:1', '--help']]) {
      assert.deepEqual(await runWords(words), { code: exitCodes.ok, stdout, stderr: '' });
    }
  });

  it('comes on stderr where no command is given, as wrong usage', async () => {
    const { stdout } = await runWords(['help']);
    for (const words of [[], ['-timeout=5'], ['--']]) {
      assert.deepEqual(await runWords(words), { code: exitCodes.usage, stdout: '', stderr: stdout });
    }
  });

  for (const command of allCommands) {
    it(`of ${command.name} comes in every spelling, and names every flag`, async () => {
      const { name, flags, examples, summary } = command;
      const asked = await runWords(['help', name]);
      assert.deepEqual([asked.code, asked.stderr], [exitCodes.ok, '']);
      for (const words of [
        [name, '-h'],
        [name, '--help'],
        ['-help', name],
        ['-h', name, 'a', 'b', 'c'],
      ]) {
        assert.deepEqual(await runWords(words), asked);
      }
      assert.ok(asked.stdout.startsWith(`kvorum ${name}: ${summary}\n`));
      const named = [...asked.stdout.matchAll(flagInHelp)].map(([, flag]) => flag);
      assert.deepEqual(
        named,
        flags.map((flag) => flag.name),
      );
      for (const flag of flags) {
        const line = asked.stdout.split('\n').find((each) => each.startsWith(`  -${flag.name}`))!;
        assert.ok(line.includes(flag.summary));
        if (flag.kind !== 'boolean' && flag.default !== undefined) {
          assert.ok(line.endsWith(`(default ${flag.default})`), line);
        }
        for (const choice of flag.choices ?? []) assert.ok(line.includes(choice), line);
      }
      assert.ok(examples.length > 0);
      for (const example of examples) assert.ok(asked.stdout.includes(`  kvorum ${example}\n`), example);
    });

    it(`of ${command.name} shows examples that parse`, () => {
      for (const example of command.examples) {
        const words = wordsOf(example);
        const at = firstArgument(words, command.flags);
        assert.equal(words[at], command.name, example);
        const { args } = parseFlags(words.toSpliced(at, 1), command.flags);
        assert.ok(args.length >= command.argumentsMin && args.length <= command.argumentsMax, example);
      }
    });
  }

  it('shows a server as it is started where that has a name of its own', async () => {
    const io = new FakeIo();
    const named = Object.assign(io, { program: './bin/client', server: './bin/server' });
    assert.equal(await runCli(['serve', '-h'], named), exitCodes.ok);
    assert.match(io.stdout.text, /^\.\/bin\/server: run one member\n\nusage: \.\/bin\/server \[-FLAG/);
    assert.ok(
      io.stdout.text.includes('  ./bin/server -id=node1 -grpcport=50051 -raftport=60051 -bootstrap\n'),
    );
    assert.ok(!io.stdout.text.includes('./bin/client serve'));
  });
});

describe('the command table', () => {
  it('has flags of one name with one kind, so that they can stand before any command', () => {
    const kinds = new Map<string, string>();
    for (const { flags } of allCommands) {
      for (const { name, kind } of flags) {
        assert.equal(kinds.get(name) ?? kind, kind, name);
        kinds.set(name, kind);
      }
    }
  });

  it('has defaults that keep the rules', () => {
    for (const { name, flags } of allCommands) {
      for (const flag of flags) {
        if (flag.default === undefined) continue;
        const { given } = parseFlags([`-${flag.name}=${flag.default}`], flags);
        assert.equal(given.get(flag.name), flag.default, `${name} -${flag.name}`);
      }
    }
  });
});

describe('the version', () => {
  it('comes in every spelling, alone', async () => {
    for (const words of [['version'], ['-version'], ['--version']]) {
      assert.deepEqual(await runWords(words), { code: exitCodes.ok, stdout: `${version}\n`, stderr: '' });
    }
  });
});

describe('wrong usage', () => {
  const wrong: [string, string][] = [
    ['nope', 'unknown command "nope" (see kvorum help)'],
    ['help nope', 'unknown command "nope" (see kvorum help help)'],
    ['help get set', 'help takes [COMMAND], but 2 arguments are given (see kvorum help help)'],
    ['version now', 'version takes no arguments, but 1 argument is given (see kvorum help version)'],
    ['get', 'get takes KEY, but 0 arguments are given (see kvorum help get)'],
    ['set a', 'set takes KEY VALUE, but 1 argument is given (see kvorum help set)'],
    ['status all', 'status takes no arguments, but 1 argument is given (see kvorum help status)'],
    ['-nope get a', 'unknown flag -nope (see kvorum help)'],
    ['get -nope a', 'unknown flag -nope (see kvorum help get)'],
    ['set temperature -5', 'unknown flag -5 (see kvorum help set)'],
    ['-json get a', 'unknown flag -json (see kvorum help get)'],
    ['-version get a', 'unknown flag -version (see kvorum help get)'],
    ['-timeout', 'flag -timeout needs a value (see kvorum help)'],
    ['get a -timeout', 'flag -timeout needs a value (see kvorum help get)'],
    ['-server=a:1 get a -server=b:1', 'flag -server is given twice (see kvorum help get)'],
    [
      '-timeout=0 get a',
      'flag -timeout must be a whole number from 1 to 2147483647, not "0" (see kvorum help get)',
    ],
    ['-server= get a', 'flag -server: endpoints must name at least one host:port (see kvorum help get)'],
    [
      '-server=a:1,b get a',
      'flag -server: endpoint must be host:port with a port from 1 to 65535, not "b" (see kvorum help get)',
    ],
    [
      'serve -grpcport=x',
      'flag -grpcport must be a whole number from 0 to 65535, not "x" (see kvorum help serve)',
    ],
    ['serve -join=,', 'flag -join: endpoints must name at least one host:port (see kvorum help serve)'],
    ['serve now', 'serve takes no arguments, but 1 argument is given (see kvorum help serve)'],
    [
      'import -resume',
      'flag -resume needs a FILE: what comes through a pipe cannot be read again (see kvorum help import)',
    ],
    ['export -format=xml', 'flag -format must be one of jsonl, tsv, not "xml" (see kvorum help export)'],
  ];
  for (const [line, message] of wrong) {
    it(`is one line for: ${line}`, async () => {
      const ran = await runWords(line.split(' '));
      assert.deepEqual(ran, { code: exitCodes.usage, stdout: '', stderr: `${message}\n` });
    });
  }
});

describe('the answer', () => {
  it('may find its reader gone: that is the end, and no error', async () => {
    const io = new FakeIo();
    io.stdout.failure = new OutputClosedError('stdout is closed');
    assert.equal(await runCli(['help'], io), exitCodes.ok);
    assert.equal(io.stderr.text, '');
  });
});
