import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { errorCodes, KvorumError, type ErrorCode } from '../../src/base/errors.js';
import { exitCodeOf, exitCodes, signalCodes } from '../../src/cli/exit-codes.js';
import type { FlagSpec } from '../../src/cli/flags.js';
import { overview } from '../../src/cli/help.js';
import { allCommands } from '../../src/cli/run-cli.js';

const page = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');

/** What stands under a heading, up to the next of any level. */
function section(heading: string): string {
  const from = page.indexOf(`\n${heading}\n`);
  assert.ok(from >= 0, `docs/cli.md has no ${heading}`);
  return page.slice(from + heading.length + 2).split(/\n#+ /)[0]!;
}

/** A table's cells, without its head. */
function rows(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('\\|', '|')),
  );
}

function flagRow(flag: FlagSpec): string[] {
  const { name, kind, value = 'VALUE', summary, choices } = flag;
  const listed = choices === undefined || value.includes('|') ? '' : `: ${choices.join(', ')}`;
  const standard = kind === 'boolean' || flag.default === undefined ? '' : `\`${flag.default}\``;
  return [`\`-${name}${kind === 'boolean' ? '' : `=${value}`}\``, standard, `${summary}${listed}`];
}

describe('docs/cli.md', () => {
  it('has a section for each command, in the order of the table', () => {
    const headings = [...page.matchAll(/^### (.+)$/gm)].map(([, name]) => name);
    assert.deepEqual(
      headings,
      allCommands.map(({ name }) => name),
    );
  });

  for (const { name, aliases = [], usage, summary, flags, examples } of allCommands) {
    it(`says of ${name} what the command says`, () => {
      const text = section(`### ${name}`);
      assert.ok(text.includes(`\`kvorum ${`${name} ${usage}`.trim()}\`: ${summary}.`));
      assert.equal(
        /^Also called (.*)\.$/m.exec(text)?.[1] ?? '',
        aliases.map((each) => `\`${each}\``).join(', '),
      );
      assert.deepEqual(rows(text), flags.map(flagRow));
      for (const example of examples) assert.ok(text.includes(`    kvorum ${example}\n`), example);
    });
  }

  it('names the variables of the environment that flags have', () => {
    const named = rows(section('## Environment')).map(([name]) => name);
    const variables = new Set(
      allCommands.flatMap(({ flags }) => flags.flatMap(({ environment = [] }) => environment)),
    );
    assert.ok(variables.size > 0);
    for (const variable of variables) assert.ok(named.includes(`\`${variable}\``), variable);
  });

  it('lists the exit codes that the help lists, and those of signals', () => {
    const listed = overview({ program: 'kvorum', server: 'kvorum serve' }, allCommands)
      .split('Exit status: ')[1]!
      .matchAll(/(?:^|,\s)(\d+) /g);
    const ofSignals: readonly number[] = Object.values(signalCodes);
    assert.deepEqual(
      [...listed].map(([, code]) => Number(code)),
      Object.values(exitCodes).filter((code) => !ofSignals.includes(code)),
    );
  });

  it('lists the exit codes, and the errors that lead to each', () => {
    const table = rows(section('## Exit status'));
    const byNumber = Object.values(exitCodes).sort((left, right) => left - right);
    assert.deepEqual(
      table.map(([status]) => Number(status)),
      byNumber,
    );
    const named = new Map<string, number>();
    for (const [status, , codes] of table) {
      for (const code of codes!.match(/\b[A-Z]+_[A-Z_]+/g) ?? []) named.set(code, Number(status));
    }
    for (const code of Object.keys(errorCodes) as ErrorCode[]) {
      assert.equal(exitCodeOf(new KvorumError(code, '')), named.get(code) ?? exitCodes.failed, code);
    }
    // Of a write it is not known then, and that has a status of its own.
    const unchanged = table.find(([status]) => Number(status) === exitCodes.unavailable)![2]!;
    for (const each of unchanged.split(', ')) {
      const { outcome } = errorCodes[each.replace(' of a read', '') as ErrorCode];
      assert.equal(each.endsWith(' of a read'), outcome === 'unknown', each);
    }
    for (const code of named.keys()) assert.ok(Object.hasOwn(errorCodes, code), code);
  });
});
