import { parseHostPort } from '../base/address.js';
import { formatId } from '../base/ids.js';
import type { MemberReference } from '../client/index.js';
import { parseEndpoints } from '../client/options.js';
import { clientCommand, jsonFlag } from './client-command.js';
import type { Command } from './command.js';
import { CommandError, exitCodes } from './exit-codes.js';
import { askAll, byName, statusTable } from './status.js';
import { textTable, toJson } from './text-table.js';

/** A member as typed: 16 hex digits are an id, all else is a name. */
function memberReference(text: string): MemberReference {
  return /^[0-9a-f]{16}$/.test(text) ? BigInt(`0x${text}`) : text;
}

const memberArgument = { flags: [], argumentsMin: 1, argumentsMax: 1 } as const;

export const clusterCommands: readonly Command[] = [
  clientCommand({
    name: 'members',
    usage: '',
    summary: 'list the members of the cluster',
    flags: [jsonFlag],
    argumentsMin: 0,
    argumentsMax: 0,
    examples: ['members', 'members --json'],
    run: async (client, { flags, io }) => {
      const { clusterId, members } = await client.members();
      const sorted = members.toSorted((left, right) => byName(left.name, right.name));
      if (flags.boolean('json')) {
        await io.stdout.write(toJson({ clusterId, members: sorted }));
        return exitCodes.ok;
      }
      const rows = sorted.map((member) => [
        member.name,
        formatId(member.id),
        member.leader ? 'leader' : member.voter ? 'voter' : 'learner',
        member.clientAddress === '' ? '-' : member.clientAddress,
        member.raftAddress,
      ]);
      await io.stdout.write(textTable(['NAME', 'ID', 'ROLE', 'CLIENT', 'RAFT'], rows));
      return exitCodes.ok;
    },
  }),
  clientCommand({
    name: 'status',
    usage: '',
    summary: 'show role, term, indexes and sizes of every member',
    flags: [jsonFlag],
    argumentsMin: 0,
    argumentsMax: 0,
    examples: ['status', '-server=localhost:50051,localhost:50052 status --json'],
    run: async (client, { flags, io }) => {
      const told = await askAll(client, parseEndpoints(flags.text('server')), flags.number('timeout'));
      await io.stdout.write(flags.boolean('json') ? toJson(told) : statusTable(told));
      if (told.some((each) => 'role' in each)) return exitCodes.ok;
      throw new CommandError(exitCodes.unavailable, 'no server answered');
    },
  }),
  clientCommand({
    name: 'remove',
    usage: 'MEMBER',
    summary: 'remove a member, by name or id; it stops by itself',
    ...memberArgument,
    examples: ['remove node3', 'remove 614ab1288538685f'],
    run: async (client, { args: [member], io }) => {
      await client.removeMember(memberReference(member!));
      await io.stdout.write('OK\n');
      return exitCodes.ok;
    },
  }),
  clientCommand({
    name: 'promote',
    usage: 'MEMBER',
    summary: 'make a learner a voter now; learners that caught up are promoted by themselves',
    ...memberArgument,
    examples: ['promote node4'],
    run: async (client, { args: [member], io }) => {
      await client.promoteMember(memberReference(member!));
      await io.stdout.write('OK\n');
      return exitCodes.ok;
    },
  }),
  clientCommand({
    name: 'transfer-leader',
    usage: '[MEMBER]',
    summary: 'hand leadership to a voter, or to the one that has caught up most; prints who leads',
    flags: [],
    argumentsMin: 0,
    argumentsMax: 1,
    examples: ['transfer-leader', 'transfer-leader node2'],
    run: async (client, { args: [member], io }) => {
      const leader = await client.transferLeadership(
        member === undefined ? undefined : memberReference(member),
      );
      await io.stdout.write(`${leader.name}\n`);
      return exitCodes.ok;
    },
  }),
  clientCommand({
    name: 'update-member',
    usage: 'MEMBER HOST:PORT',
    summary: 'tell the cluster that a Raft port is reached at another address now',
    flags: [],
    argumentsMin: 2,
    argumentsMax: 2,
    examples: ['update-member node3 10.0.0.7:60051'],
    run: async (client, { args: [member, address], io }) => {
      parseHostPort('the address', address!);
      await client.updateMember(memberReference(member!), address!);
      await io.stdout.write('OK\n');
      return exitCodes.ok;
    },
  }),
];
