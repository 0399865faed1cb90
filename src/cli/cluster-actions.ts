import { parseHostPort } from '../base/address.js';
import { KvorumError } from '../base/errors.js';
import { formatId, parseId } from '../base/ids.js';
import type { MemberReference } from '../client/index.js';
import type { ClientAction } from './command.js';
import { CommandError, exitCodeOf, exitCodes, UsageError } from './exit-codes.js';
import { parseServerList } from './server-list.js';
import { askAll, byName, statusTable } from './status.js';
import { textTable, toJson } from './text-table.js';

/** A member as typed: 16 hex digits are an id, all else is a name. */
function memberReference(text: string): MemberReference {
  return parseId(text) ?? text;
}

export const runMembers: ClientAction = async (client, { flags, io }) => {
  const { clusterId, members } = await client.members({ serializable: flags.boolean('serializable') });
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
};

export const runStatus: ClientAction = async (client, { flags, io }) => {
  const told = await askAll(client, parseServerList(flags.text('server')), flags.number('timeout'));
  await io.stdout.write(flags.boolean('json') ? toJson(told) : statusTable(told));
  if (told.some((each) => 'role' in each)) return exitCodes.ok;
  throw new CommandError(exitCodes.unavailable, 'no server answered');
};

export const runRemove: ClientAction = async (client, { args: [member], io }) => {
  try {
    await client.removeMember(memberReference(member!));
  } catch (error) {
    if (!(error instanceof KvorumError) || error.code !== 'MEMBER_NOT_FOUND') throw error;
    // Other stores remove keys by this name.
    throw new CommandError(exitCodeOf(error), `${error.message} (for a key: ${io.program} delete)`);
  }
  await io.stdout.write('OK\n');
  return exitCodes.ok;
};

export const runPromote: ClientAction = async (client, { args: [member], io }) => {
  await client.promoteMember(memberReference(member!));
  await io.stdout.write('OK\n');
  return exitCodes.ok;
};

export const runTransferLeader: ClientAction = async (client, { args: [member], io }) => {
  const leader = await client.transferLeadership(member === undefined ? undefined : memberReference(member));
  await io.stdout.write(`${leader.name}\n`);
  return exitCodes.ok;
};

export const runUpdateMember: ClientAction = async (client, { args: [member, address], io }) => {
  parseHostPort('the address', address!);
  await client.updateMember(memberReference(member!), address!);
  await io.stdout.write('OK\n');
  return exitCodes.ok;
};

export const runCompact: ClientAction = async (client, { args: [revision], io }) => {
  if (revision !== undefined && !/^[1-9]\d{0,15}$/.test(revision)) {
    throw new UsageError(`REVISION must be a whole number from 1 on, not ${JSON.stringify(revision)}`);
  }
  if (Number(revision) > Number.MAX_SAFE_INTEGER) {
    throw new UsageError(`REVISION must be at most ${Number.MAX_SAFE_INTEGER}, not ${revision}`);
  }
  const oldest = await client.compact(revision === undefined ? undefined : Number(revision));
  await io.stdout.write(`${oldest}\n`);
  return exitCodes.ok;
};
