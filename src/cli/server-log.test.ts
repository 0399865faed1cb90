import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { logLevels } from './log-levels.js';
import { makeServerLog, type LogOptions } from './server-log.js';

function record(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = makeServerLog({
    level: 'debug',
    format: 'text',
    colour: false,
    write: (line) => lines.push(line),
    ...options,
  });
  return { lines, log };
}

/** Without the time. */
function told(line: string): string {
  return line.replace(/^\d\d:\d\d:\d\d\.\d{3} /, '');
}

describe('the server log', () => {
  it('is one object a line in JSON, with level, milliseconds and message', () => {
    const { log, lines } = record({ format: 'json' });
    const beforeMs = Date.now();
    log.warn({ peer: 'node2', members: ['a', 'b'] }, 'two\nlines');
    assert.equal(lines.length, 1);
    assert.ok(lines[0]!.indexOf('\n') === lines[0]!.length - 1);
    const { time, ...rest } = JSON.parse(lines[0]!) as { readonly time: number };
    assert.ok(time >= beforeMs && time <= Date.now());
    assert.deepEqual(rest, { level: 'warn', peer: 'node2', members: ['a', 'b'], msg: 'two\nlines' });
  });

  it('is one readable line an event on a terminal', () => {
    const { log, lines } = record();
    log.info({ role: 'leader', term: 2, voters: ['node1', 'node2'], learners: [] }, 'role and term');
    log.error({}, 'bad');
    assert.match(lines[0]!, /^\d\d:\d\d:\d\d\.\d{3} /);
    assert.equal(
      told(lines[0]!),
      'info  role and term  role=leader  term=2  voters=[node1 node2]  learners=[]\n',
    );
    assert.equal(told(lines[1]!), 'error bad\n');
  });

  it('quotes what has spaces, and lets nothing break the line or steer the terminal', () => {
    const { log, lines } = record();
    log.info({ reason: 'no such file', empty: '', odd: 'a="b"', list: ['a b'] }, 'told');
    assert.equal(
      told(lines[0]!),
      'info  told  reason="no such file"  empty=""  odd="a=\\"b\\""  list=["a b"]\n',
    );
    log.info({ name: '\x1b[31mred', other: 'a\u202eb c', stack: 'x\ny' }, 'evil\x1b[2J\nline');
    assert.ok(/^[ -~]*\n$/.test(lines[1]!), JSON.stringify(lines[1]));
    assert.ok(lines[1]!.includes('name="\\u001b[31mred"'), lines[1]);
  });

  it('shows objects and errors on the same line', () => {
    const { log, lines } = record();
    log.error({ err: new TypeError('broken'), at: { index: 1 } }, 'it failed');
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /err=\{"type":"TypeError","message":"broken","stack":.*at=\{"index":1\}\n$/);
  });

  it('is coloured only when asked for', () => {
    const { log, lines } = record({ colour: true });
    log.warn({ a: 1 }, 'careful');
    assert.match(lines[0]!, /^\x1b\[2m\S+\x1b\[0m \x1b\[33mwarn \x1b\[0m careful {2}a=1\n$/);
  });

  it('leaves out what is less important than the level', () => {
    for (const [at, level] of logLevels.entries()) {
      const { log, lines } = record({ level });
      for (const each of logLevels) log[each]({}, each);
      assert.deepEqual(
        lines.map((line) => told(line).slice(6, -1)),
        logLevels.slice(at),
      );
    }
  });
});
