import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { featureLevels, knownLevels } from '../../src/base/feature-levels.js';
import { commandForm, commandFormNames } from '../../src/fsm/command-codec.js';
import { messageVersions, typeBytes } from '../../src/peer/message-codec.js';
import { protocolVersions } from '../../src/peer/protocol-versions.js';
import { tableNames } from '../../src/ports/backend.js';
import { refusalCodes } from '../../src/ports/peers.js';
import { plain, type Format } from './format.js';
import { commandSamples, logFormatSamples } from './log-formats.js';
import { peerFormatSamples } from './peer-formats.js';
import { stateFormatSamples } from './state-formats.js';

/**
 * What each feature level has written, byte for byte, and that today's code reads it. A new level:
 *
 * 1. append it to featureLevels;
 * 2. give what is new a sample with that level in one of the files beside this one. What is written differently from
 *    now on gets a second sample; the first is marked as superseded and stays as long as the level before the newest
 *    has it;
 * 3. KVORUM_REWRITE=1 node --test dist/test/formats/formats.test.js, which writes down what is missing and changes no
 *    line that is there. A published line is never changed by hand either.
 */
const formats: readonly Format[] = [...logFormatSamples, ...peerFormatSamples, ...stateFormatSamples];

const pathOf = (level: number): URL => new URL(`../../../test/formats/level-${level}.txt`, import.meta.url);

/** By name, in hex. */
function recorded(level: number): Map<string, string> {
  if (!existsSync(pathOf(level))) return new Map();
  const lines = readFileSync(pathOf(level), 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return new Map(lines.map((line) => line.split(': ') as [string, string]));
}

function record(level: number): void {
  const known = recorded(level);
  for (const { name, level: of, write } of formats) {
    if (of === level && !known.has(name)) known.set(name, Buffer.from(write()).toString('hex'));
  }
  writeFileSync(pathOf(level), [...known].map(([name, hex]) => `${name}: ${hex}\n`).join(''));
}

if (process.env['KVORUM_REWRITE'] === '1') for (const { level } of featureLevels) record(level);

describe('the formats of each feature level', () => {
  const named = new Map(formats.map((format) => [format.name, format]));

  it('have names that are unique, and levels that there are', () => {
    assert.equal(named.size, formats.length);
    for (const { name, level } of formats)
      assert.ok(
        featureLevels.some((each) => each.level === level),
        name,
      );
  });

  for (const { level } of featureLevels) {
    it(`are read as level ${level} wrote them`, () => {
      const lines = recorded(level);
      for (const [name, hex] of lines) {
        const format = named.get(name);
        assert.ok(format !== undefined, `${name}: nothing reads it any more`);
        assert.deepEqual(plain(format.read(Buffer.from(hex, 'hex'))), plain(format.value), name);
      }
      for (const format of formats.filter((each) => each.level === level)) {
        assert.ok(lines.has(format.name), `${format.name} is not written down: see the comment above`);
      }
    });
  }

  it('are written as they were, unless another level has changed them', () => {
    for (const { level } of featureLevels) {
      const lines = recorded(level);
      for (const { name, level: of, write, superseded } of formats) {
        if (of !== level || superseded === true) continue;
        assert.equal(Buffer.from(write()).toString('hex'), lines.get(name), name);
      }
    }
  });

  it('are all there: each command, message, table and refusal has one', () => {
    const wanted = [
      ...commandFormNames.map((name) => `command ${name}`),
      ...Object.keys(typeBytes).map((name) => `message ${name}`),
      ...tableNames.map((name) => `table ${name}`),
      ...refusalCodes.map((code) => `answer ${code}`),
    ];
    for (const name of wanted) assert.ok(named.has(name), name);
  });

  it('are of the level that the code asks for before it writes them', () => {
    for (const [name, command] of Object.entries(commandSamples)) {
      assert.equal(named.get(`command ${name}`)!.level, commandForm(command).level, name);
    }
    for (const version of Object.values(messageVersions)) assert.ok(version <= protocolVersions.max);
  });
});

describe('every version', () => {
  it('reads the level before its newest, and speaks the version of the protocol before its newest', () => {
    assert.deepEqual(
      featureLevels.map(({ level }) => level),
      featureLevels.map((_, at) => at + 1),
    );
    assert.ok(knownLevels.min <= Math.max(1, knownLevels.max - 1));
    // The first that has a range.
    assert.ok(protocolVersions.min <= Math.max(3, protocolVersions.max - 1));
  });
});
