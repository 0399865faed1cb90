import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compile, patchedFiles } from './apply.js';
import { mutants } from './catalogue.js';
import { recordedSeeds } from './recorded-seeds.js';

describe('the catalogue of mutants', () => {
  it('has names that are unique, and is not small', () => {
    const names = mutants.map((mutant) => mutant.name);
    assert.equal(new Set(names).size, names.length);
    for (const name of names) assert.match(name, /^[a-z][a-z0-9-]*$/);
    assert.ok(names.length >= 25, `${names.length} mutants`);
  });

  it('has a seed written down for each, and for nothing else', () => {
    const names = mutants.map(({ name }) => name);
    assert.deepEqual([...recordedSeeds().keys()].sort(), names.sort());
  });

  for (const mutant of mutants) {
    it(`still fits the source: ${mutant.name}`, () => {
      for (const [file, source] of patchedFiles(mutant)) compile(file, source);
    });
  }
});
