import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { makeApiLimits } from '../../src/api/limits.js';
import { grpcLimitDefaults } from '../../src/grpc/limits.js';
import { memberDefaults } from '../../src/member/options.js';

const root = new URL('../../../', import.meta.url);
const page = readFileSync(new URL('docs/security.md', root), 'utf8');

/** The rows of all tables of limits in a section: what each says of its default. */
function documented(heading: string): Map<string, string> {
  const from = page.indexOf(`\n## ${heading}\n`);
  assert.ok(from >= 0, heading);
  const end = page.indexOf('\n## ', from + 1);
  const rows = page
    .slice(from, end)
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()));
  return new Map(
    rows.flatMap(([, name, value]) => (name?.startsWith('`') === true ? [[name.slice(1, -1), value!]] : [])),
  );
}

const grouped = (value: number): string => value.toLocaleString('en-US').replace(/^(\d),(\d{3})$/, '$1$2');

/** As the page writes it: sizes and times by their largest unit that is exact to a half. */
function written(name: string, value: unknown): string {
  if (typeof value !== 'number') {
    const { burst, perSecond } = value as { burst: number; perSecond: number };
    return `${grouped(burst)}, then ${grouped(perSecond)} a second`;
  }
  if (value === Infinity) return 'never';
  if (name.includes('Bytes')) return inUnits(value, [['MiB', 1024 * 1024], ['KiB', 1024]], 'B'); // prettier-ignore
  if (/Ms(M|$)/.test(name)) return inUnits(value, [['s', 1000]], 'ms');
  return grouped(value);
}

function inUnits(value: number, units: readonly (readonly [string, number])[], smallest: string): string {
  for (const [unit, size] of units) {
    const scaled = value / size;
    if (scaled >= 1 && Number.isInteger(scaled * 2)) return `${scaled} ${unit}`;
  }
  return `${value} ${smallest}`;
}

function writtenAll(limits: object): Map<string, string> {
  return new Map(Object.entries(limits).map(([name, value]) => [name, written(name, value)]));
}

const byName = (map: ReadonlyMap<string, string>): string[] =>
  [...map].map(([name, value]) => `${name}: ${value}`).sort();

/** Constants of the Raft port's code that are limits by their names, with what they are where that is plain arithmetic. */
function raftPortLimits(): Map<string, string> {
  const folder = new URL('src/peer/', root);
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.includes('.test.'));
  const limits = new Map<string, string>();
  for (const file of files) {
    const text = readFileSync(new URL(file, folder), 'utf8');
    for (const [, name, expression] of text.matchAll(
      /^(?:export )?const (\w+(?:Max|TimeoutMs|KeptPer\w+|LogIntervalMs)) = ([\d_ *]+);$/gm,
    )) {
      const value = expression!
        .split('*')
        .reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
      limits.set(name!, written(name!, value));
    }
  }
  return limits;
}

describe('docs/security.md', () => {
  it('has every limit of the client port, with its default', () => {
    const limits = { ...grpcLimitDefaults, ...makeApiLimits() };
    assert.deepEqual(byName(documented('Limits of the client port')), byName(writtenAll(limits)));
  });

  it('says of the limits of a member what they are, and has those on what waits', () => {
    const numbers = Object.entries(memberDefaults).filter(([, value]) => typeof value === 'number');
    const limits = writtenAll(Object.fromEntries(numbers));
    const told = documented('Limits of the member');
    for (const [name, value] of told) assert.equal(value, limits.get(name), name);
    for (const name of limits.keys()) if (/WaitingMax$|^request/.test(name)) assert.ok(told.has(name), name);
  });

  it('has every limit of the Raft port, with what it is', () => {
    assert.deepEqual(byName(documented('Limits of the Raft port')), byName(raftPortLimits()));
  });
});
