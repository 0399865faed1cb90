import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allCommands } from './run-cli.js';
import { likeliest } from './suggestion.js';

const names = allCommands.flatMap(({ name, aliases = [] }) => [name, ...aliases]);

describe('likeliest', () => {
  it('finds what was mistyped', () => {
    const cases: [string, string][] = [
      ['gte', 'get'],
      ['Get', 'get'],
      ['stauts', 'status'],
      ['member', 'members'],
      ['transferleader', 'transfer-leader'],
      ['exprot', 'export'],
      ['completions', 'completion'],
      ['servr', 'serve'],
    ];
    for (const [written, meant] of cases) assert.equal(likeliest(written, names), meant, written);
  });

  it('knows what other programs call it, if this one has it', () => {
    assert.equal(likeliest('rm', names), 'delete');
    assert.equal(likeliest('RANGE', names), 'list');
    for (const written of ['join', 'add', 'add-member']) {
      assert.equal(likeliest(written, names), 'serve -join', written);
    }
    assert.equal(likeliest('-endpoints', ['-server', '-json']), '-server');
    assert.equal(likeliest('rm', ['list']), undefined);
    assert.equal(likeliest('constructor', names), undefined);
  });

  it('guesses nothing from what is like nothing', () => {
    for (const written of ['', 'x', 'q7', 'nope', 'frobnicate', 'g'.repeat(100_000)]) {
      assert.equal(likeliest(written, names), undefined, written.slice(0, 20));
    }
  });
});
