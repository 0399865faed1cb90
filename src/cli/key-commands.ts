import { clientCommand, jsonFlag, serializableFlag } from './client-command.js';
import type { Command } from './command.js';
import type { FlagSpec } from './flags.js';

const keyStdinFlag: FlagSpec = {
  name: 'key-stdin',
  kind: 'boolean',
  default: 'false',
  summary: 'read the key from stdin, any bytes, and leave KEY out',
};

const ifRevisionFlag: FlagSpec = {
  name: 'if-revision',
  kind: 'number',
  value: 'N',
  summary: 'only if the modRevision of the key, which get -json tells, is N; 0: only if there is no such key',
};

const keysOnlyFlag: FlagSpec = {
  name: 'keys-only',
  kind: 'boolean',
  default: 'false',
  summary: 'print no values',
};

const revisionFlag: FlagSpec = {
  name: 'rev',
  kind: 'number',
  value: 'N',
  min: 1,
  max: Number.MAX_SAFE_INTEGER,
  summary: 'as it was at this revision',
};

const limitFlag: FlagSpec = {
  name: 'limit',
  kind: 'number',
  value: 'N',
  min: 1,
  max: 2 ** 31 - 1,
  summary: 'no more than so many keys',
};

const countFlag: FlagSpec = {
  name: 'count',
  kind: 'boolean',
  default: 'false',
  summary: 'print only how many keys there are',
};

const jsonLinesFlag: FlagSpec = {
  ...jsonFlag,
  summary: 'print each pair as a line of JSON, with its revisions',
};

export const keyCommands: readonly Command[] = [
  clientCommand({
    name: 'get',
    usage: 'KEY',
    summary: 'print the value of a key, and nothing else',
    flags: [
      serializableFlag,
      { name: 'raw', kind: 'boolean', default: 'false', summary: 'print no line break behind the value' },
      {
        name: 'prefix',
        kind: 'text',
        value: 'TEXT',
        summary: 'instead of KEY: list all keys that begin with this',
      },
      {
        name: 'from',
        kind: 'text',
        value: 'TEXT',
        summary: 'instead of KEY: list this key and all behind it, in the order of their bytes',
      },
      revisionFlag,
      limitFlag,
      keysOnlyFlag,
      countFlag,
      jsonLinesFlag,
      keyStdinFlag,
    ],
    argumentsMin: 0,
    argumentsMax: 1,
    examples: [
      'get mykey',
      '-server=localhost:50053 get mykey',
      'get -raw photo > photo.jpg',
      'get -prefix=app/ -keys-only',
      'get -prefix=app/ -count',
      'get -rev=17 mykey',
      'get -from=m -limit=10',
    ],
    load: async () => (await import('./read-actions.js')).runGet,
  }),
  clientCommand({
    name: 'list',
    aliases: ['ls'],
    usage: '[PREFIX]',
    summary: 'print keys and values, as they were at one moment, a tab between them',
    flags: [serializableFlag, keysOnlyFlag, jsonLinesFlag],
    argumentsMin: 0,
    argumentsMax: 1,
    examples: ['list', 'list app/', 'list app/ --json'],
    load: async () => (await import('./read-actions.js')).runList,
  }),
  clientCommand({
    name: 'keys',
    usage: '[PREFIX]',
    summary: 'print the keys, without their values',
    flags: [serializableFlag, jsonLinesFlag],
    argumentsMin: 0,
    argumentsMax: 1,
    examples: ['keys', 'keys app/'],
    load: async () => (await import('./read-actions.js')).runKeys,
  }),
  clientCommand({
    name: 'set',
    aliases: ['put'],
    usage: 'KEY VALUE',
    summary: 'set a key; the value - is read from stdin',
    flags: [ifRevisionFlag, { ...jsonFlag, summary: 'print the new revision as JSON' }, keyStdinFlag],
    argumentsMin: 1,
    argumentsMax: 2,
    examples: [
      'set mykey myvalue',
      'set certificate - < server.pem',
      'set -- temperature -5',
      'set -if-revision=0 lock me',
    ],
    load: async () => (await import('./key-actions.js')).runSet,
  }),
  clientCommand({
    name: 'delete',
    aliases: ['del'],
    usage: 'KEY',
    summary: 'delete a key; a missing one is no error',
    flags: [ifRevisionFlag, { ...jsonFlag, summary: 'print what was done as JSON' }, keyStdinFlag],
    argumentsMin: 0,
    argumentsMax: 1,
    examples: ['delete mykey', 'delete -if-revision=7 mykey'],
    load: async () => (await import('./key-actions.js')).runDelete,
  }),
];
