import { clientCommand, jsonFlag, serializableFlag } from './client-command.js';
import type { Command } from './command.js';

const memberArgument = { flags: [], argumentsMin: 1, argumentsMax: 1 } as const;

export const clusterCommands: readonly Command[] = [
  clientCommand({
    name: 'members',
    usage: '',
    summary: 'list the members of the cluster',
    flags: [serializableFlag, jsonFlag],
    argumentsMin: 0,
    argumentsMax: 0,
    examples: ['members', 'members --json'],
    load: async () => (await import('./cluster-actions.js')).runMembers,
  }),
  clientCommand({
    name: 'status',
    usage: '',
    summary: 'show every member: role, indexes, sizes, free disk, open files; and who cannot be reached',
    flags: [jsonFlag],
    argumentsMin: 0,
    argumentsMax: 0,
    examples: ['status', '-server=localhost:50051,localhost:50052 status --json'],
    load: async () => (await import('./cluster-actions.js')).runStatus,
  }),
  clientCommand({
    name: 'remove',
    usage: 'MEMBER',
    summary: 'remove a member, by name or id; it stops by itself',
    ...memberArgument,
    examples: ['remove node3', 'remove 614ab1288538685f'],
    load: async () => (await import('./cluster-actions.js')).runRemove,
  }),
  clientCommand({
    name: 'promote',
    usage: 'MEMBER',
    summary: 'make a learner a voter now; learners that caught up are promoted by themselves',
    ...memberArgument,
    examples: ['promote node4'],
    load: async () => (await import('./cluster-actions.js')).runPromote,
  }),
  clientCommand({
    name: 'transfer-leader',
    usage: '[MEMBER]',
    summary: 'hand leadership to a voter, or to the one that has caught up most; prints who leads',
    flags: [],
    argumentsMin: 0,
    argumentsMax: 1,
    examples: ['transfer-leader', 'transfer-leader node2'],
    load: async () => (await import('./cluster-actions.js')).runTransferLeader,
  }),
  clientCommand({
    name: 'compact',
    usage: '[REVISION]',
    summary: 'forget what no revision from REVISION (the newest) on can see; prints the oldest that is left',
    flags: [],
    argumentsMin: 0,
    argumentsMax: 1,
    examples: ['compact', 'compact 5000'],
    load: async () => (await import('./cluster-actions.js')).runCompact,
  }),
  clientCommand({
    name: 'update-member',
    usage: 'MEMBER HOST:PORT',
    summary: 'tell the cluster that a Raft port is reached at another address now',
    flags: [],
    argumentsMin: 2,
    argumentsMax: 2,
    examples: ['update-member node3 10.0.0.7:60051'],
    load: async () => (await import('./cluster-actions.js')).runUpdateMember,
  }),
];
