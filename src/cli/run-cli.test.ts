import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serverDefaults } from '../server/server-options.js';
import { version } from '../version.js';
import { exitCodes } from './exit-codes.js';
import { firstArgument, parseFlags } from './flags.js';
import { OutputClosedError } from './output.js';
import { parseRetention } from './retention.js';
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
      for (const alias of command.aliases ?? []) {
        assert.deepEqual(await runWords(['help', alias]), asked);
        assert.match(asked.stdout, new RegExp(`^also called: .*\\b${alias}\\b`, 'm'));
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

  it('has names that are told apart', () => {
    const names = allCommands.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
    assert.deepEqual(names, [...new Set(names)]);
  });

  it('has the defaults of the server', () => {
    const serve = allCommands.find(({ name }) => name === 'serve')!;
    const fields: Record<string, string> = { grpcport: 'grpcPort', raftport: 'raftPort', 'value-size-max': 'valueSizeBytesMax', 'heartbeat-interval': 'heartbeatIntervalMs', 'election-timeout': 'electionTimeoutMs', 'request-timeout': 'requestTimeoutMs', 'join-timeout': 'joinTimeoutMs', 'connections-max': 'connectionsMax', 'log-entries-kept': 'logEntriesKept', 'lease-reads': 'leaseReads' }; // prettier-ignore
    const known = new Map(Object.entries(serverDefaults as Record<string, unknown>));
    const compared = serve.flags.flatMap((flag) => {
      const value = known.get(fields[flag.name] ?? flag.name);
      return value === undefined || Array.isArray(value) || value instanceof Map
        ? []
        : [[flag.name, flag.default, typeof value === 'string' ? value : JSON.stringify(value)]];
    });
    // Two are told by one flag, and compared where that is parsed.
    const { compactionAgeMs, compactionRevisions } = serverDefaults;
    const told = serve.flags.find(({ name }) => name === 'auto-compaction-retention')!.default!;
    assert.deepEqual(parseRetention('periodic', told), { compactionAgeMs, compactionRevisions });
    // Lists are empty; `feature-level-max` follows from the version.
    assert.equal(compared.length, known.size - 6);
    for (const [name, standard, value] of compared) assert.equal(standard, value, name);
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
  it('comes in every spelling, alone and with any command', async () => {
    const alone = [['version'], ['-version'], ['--version'], ['-v'], ['-v', '-server=a']];
    const everywhere = allCommands.flatMap(({ name }) => [
      [name, '-v'],
      ['--version', name, 'a', 'b', 'c'],
    ]);
    for (const words of [...alone, ...everywhere]) {
      assert.deepEqual(await runWords(words), { code: exitCodes.ok, stdout: `${version}\n`, stderr: '' });
    }
  });
});

describe('the environment', () => {
  const unreachable = (endpoint: string): string =>
    `cannot connect to ${endpoint}: connection refused: nothing listens there\n`;

  it('names the servers where no flag does', async () => {
    const env = { KVORUM_ENDPOINTS: '127.0.0.1:1' };
    assert.equal((await runWords(['get', 'a'], { env })).stderr, unreachable('127.0.0.1:1'));
    const given = await runWords(['-server=127.0.0.1:2', 'get', 'a'], { env });
    assert.equal(given.stderr, unreachable('127.0.0.1:2'));
  });

  it('is refused by the name of the variable', async () => {
    const env = { KVORUM_ENDPOINTS: 'a b' };
    const rule = "endpoint must be host:port with a host name (letters, digits, '.', '-', '_', up to 253)";
    const { code, stderr } = await runWords(['get', 'a'], { env });
    assert.equal(code, exitCodes.usage);
    assert.ok(stderr.startsWith(`KVORUM_ENDPOINTS: ${rule}`), stderr);
    // Whoever needs no server is not held up by it, nor whoever names one.
    assert.equal((await runWords(['version'], { env })).code, exitCodes.ok);
    assert.equal((await runWords(['get', '-h'], { env })).code, exitCodes.ok);
  });

  it('has no say in how the program is called', async () => {
    const env = { KVORUM_SERVER: 'db:50051', KVORUM_CLIENT: 'me' };
    assert.deepEqual(await runWords(['help', 'serve'], { env }), await runWords(['help', 'serve']));
  });
});

describe('an argument that is no UTF-8', () => {
  const rule = 'is no UTF-8, or holds U+FFFD, which stands for such bytes';
  const cases: [string[], string][] = [
    [['set', 'k', 'a\ufffd'], `VALUE ${rule}: give - as VALUE, and the value on stdin (see kvorum help set)`],
    [['set', '\ufffd', 'v'], `KEY ${rule}: give the key on stdin, with -key-stdin (see kvorum help set)`],
    [
      ['set', '-key-stdin', '\ufffd'],
      `VALUE ${rule}: give - as VALUE, and the value on stdin (see kvorum help set)`,
    ],
    [['get', '\ufffd'], `KEY ${rule}: give the key on stdin, with -key-stdin (see kvorum help get)`],
    [
      ['delete', '--', '\ufffd'],
      `KEY ${rule}: give the key on stdin, with -key-stdin (see kvorum help delete)`,
    ],
    [['list', 'a/\ufffd'], `PREFIX ${rule} (see kvorum help list)`],
    [['import', 'a\ufffd.jsonl'], `FILE ${rule}: give the file on stdin (see kvorum help import)`],
    [['remove', '\ufffd'], `MEMBER ${rule} (see kvorum help remove)`],
    [['update-member', 'a', '\ufffd:1'], `HOST:PORT ${rule} (see kvorum help update-member)`],
    [['export', '-prefix=\ufffd'], `flag -prefix ${rule} (see kvorum help export)`],
    [['-server', '\ufffd:1', 'get', 'a'], `flag -server ${rule} (see kvorum help)`],
    [['serve', '-data-dir=\ufffd'], `flag -data-dir ${rule} (see kvorum help serve)`],
  ];
  for (const [words, message] of cases) {
    it(`is refused by its name: ${words.join(' ')}`, async () => {
      const expected = { code: exitCodes.usage, stdout: '', stderr: `${message}\n` };
      assert.deepEqual(await runWords(words), expected);
    });
  }

  it('is refused before anything is done, whatever the command', async () => {
    for (const { name, argumentsMax } of allCommands) {
      if (argumentsMax === 0) continue;
      const words = Array.from({ length: argumentsMax }, () => '\ufffd');
      const { code, stdout, stderr } = await runWords([name, ...words]);
      assert.deepEqual([code, stdout], [exitCodes.usage, ''], name);
      assert.match(stderr, /U\+FFFD/, name);
    }
  });
});

describe('wrong usage', () => {
  const wrong: [string, string][] = [
    ['nope', 'unknown command "nope" (see kvorum help)'],
    ['lst', 'unknown command "lst": did you mean list? (see kvorum help)'],
    ['nodes', 'unknown command "nodes": did you mean members? (see kvorum help)'],
    ['help nope', 'unknown command "nope" (see kvorum help help)'],
    ['help get set', 'help takes [COMMAND], but 2 arguments are given (see kvorum help help)'],
    ['version now', 'version takes no arguments, but 1 argument is given (see kvorum help version)'],
    ['get', 'get takes KEY, but 0 arguments are given (see kvorum help get)'],
    ['set a', 'set takes KEY VALUE, but 1 argument is given (see kvorum help set)'],
    ['status all', 'status takes no arguments, but 1 argument is given (see kvorum help status)'],
    ['-nope get a', 'unknown flag -nope (see kvorum help)'],
    ['get -nope a', 'unknown flag -nope (see kvorum help get)'],
    [
      'get --serialisable a',
      'unknown flag --serialisable: did you mean -serializable? (see kvorum help get)',
    ],
    ['-sever=a get a', 'unknown flag -sever: did you mean -server? (see kvorum help)'],
    ['set temperature -5', 'unknown flag -5: if it is no flag, write -- before it (see kvorum help set)'],
    ['get -.5', 'unknown flag -.5: if it is no flag, write -- before it (see kvorum help get)'],
    ['list -prefix=lo', 'unknown flag -prefix: did you mean list PREFIX? (see kvorum help list)'],
    ['--prefix lo keys', 'unknown flag --prefix: did you mean keys PREFIX? (see kvorum help keys)'],
    ['set -value=b a', 'unknown flag -value: did you mean set KEY VALUE? (see kvorum help set)'],
    ['add-member node4', 'unknown command "add-member": did you mean serve -join? (see kvorum help)'],
    ['join', 'unknown command "join": did you mean serve -join? (see kvorum help)'],
    ['-resume get a', 'unknown flag -resume (see kvorum help get)'],
    ['-timeout', 'flag -timeout needs a value (see kvorum help)'],
    ['get a -timeout', 'flag -timeout needs a value (see kvorum help get)'],
    ['-server=a:1 get a -server=b:1', 'flag -server is given twice (see kvorum help get)'],
    [
      '-timeout=0 get a',
      'flag -timeout must be a whole number from 1 to 2147483647, not "0" (see kvorum help get)',
    ],
    ['-server= get a', 'flag -server: endpoints must name at least one host:port (see kvorum help get)'],
    [
      '-server=a:1,b:x get a',
      'flag -server: endpoint must be host:port with a port from 1 to 65535, not "b:x" (see kvorum help get)',
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
    ['put a', 'set takes KEY VALUE, but 1 argument is given (see kvorum help set)'],
    ['get a -prefix=b', 'get takes KEY or -prefix=TEXT, not both (see kvorum help get)'],
    ['get -key-stdin a', 'get takes no arguments, but 1 argument is given (see kvorum help get)'],
    ['get -raw -prefix=b', 'flag -raw is for one value, -prefix for many keys (see kvorum help get)'],
    ['set -key-stdin a b', 'set takes VALUE, but 2 arguments are given (see kvorum help set)'],
    [
      'set -key-stdin -',
      'stdin gives the key or the value, not both: import takes pairs of any bytes (see kvorum help set)',
    ],
    [
      'recover -data-dir=x -skip-entry=foo',
      'flag -skip-entry must be INDEX:TERM:CHECKSUM, not "foo" (see kvorum help recover)',
    ],
    [
      'recover -data-dir=x -skip-entry=1:1:0badcafe',
      'the member will be without entry 1:1:0badcafe, whatever it was to do: say -yes to go on, and do the same on every member (see kvorum help recover)',
    ],
    ['completion csh', 'SHELL must be one of bash, zsh, fish, not "csh" (see kvorum help completion)'],
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
