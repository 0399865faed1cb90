import { parseHostPort } from '../base/address.js';
import type { RunningServer } from '../server/server.js';
import { version } from '../version.js';
import type { Io } from './command.js';

type Member = Pick<RunningServer, 'name' | 'grpcAddress' | 'raftAddress' | 'dataDir'>;

/** What a newcomer does next. */
export function welcome(member: Member, { program, server }: Pick<Io, 'program' | 'server'>): string {
  const { name, grpcAddress, dataDir } = member;
  const at = grpcAddress === '127.0.0.1:50051' ? '' : ` -server=${grpcAddress}`;
  return `
Kvorum ${version}: member ${name} serves clients on ${grpcAddress}. Its data is in ${dataDir}

  set a key       ${program}${at} set mykey myvalue
  get it          ${program}${at} get mykey
  add a member    ${server} ${flagsOfNext(member)}
  see them all    ${program}${at} status
  stop            Ctrl-C

`;
}

/** For a member on this machine whose name and ports are one higher. */
function flagsOfNext({ name, grpcAddress, raftAddress }: Member): string {
  const stem = name.slice(0, 1 + name.search(/\D\d*$/));
  const number = name.slice(stem.length);
  const next = number === '' ? `${name}2` : `${stem}${BigInt(number) + 1n}`;
  const [grpcPort, raftPort] = [grpcAddress, raftAddress].map((each) => portAfter(each));
  return `-id=${next} -grpcport=${grpcPort} -raftport=${raftPort} -join=${grpcAddress}`;
}

/** 0, any free one, behind the last. */
function portAfter(address: string): number {
  return (parseHostPort('address', address).port + 1) % 65_536;
}
