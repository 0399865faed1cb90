import { parseHostPort } from '../base/address.js';
import { formatId } from '../base/ids.js';
import { KvorumError, type ClusterMember, type KvorumClient, type ServerStatus } from '../client/index.js';
import { entriesBehind, troubles } from './status-troubles.js';
import { sizeText, textTable } from './text-table.js';

/** A server that did not answer. */
export interface Silent {
  readonly endpoint: string;
  /** Unknown where only its address was given and nobody could be asked whose it is. */
  readonly id?: bigint;
  readonly name?: string;
  readonly error: string;
}

export type Told = ServerStatus | Silent;

/** Without a quorum the list of members does not come; people wait this long for it. */
const membersTimeoutMs = 2000;

function isSilent(told: Told): told is Silent {
  return 'error' in told;
}

/**
 * What each server says of itself: those that are named, and all that the cluster knows of, by name.
 *
 * @param timeoutMs for each question
 */
export async function askAll(
  client: KvorumClient,
  named: readonly string[],
  timeoutMs: number,
): Promise<readonly Told[]> {
  const [told, members] = await Promise.all([
    Promise.all(named.map((endpoint) => ask(client, endpoint))),
    knownMembers(client, Math.min(timeoutMs, membersTimeoutMs)),
  ]);
  const answered = distinct(told.filter((each) => !isSilent(each)));
  const silent = told.filter(isSilent);
  const unasked = members.filter(({ id }) => !answered.some((each) => each.id === id));
  const others = await Promise.all(unasked.map((member) => askMember(client, member, silent)));
  const unknown = silent.filter(({ endpoint }) => !unasked.some((member) => isAt(member, endpoint)));
  return [...distinct([...answered, ...others]), ...unknown].sort((left, right) =>
    byName(left.name ?? '~', right.name ?? '~'),
  );
}

/**
 * As of now; without a majority, as the member that is asked knows them; none where nobody answers. Both are asked for at
 * once: that there is no majority is known only when the time is over, and then none would be left to ask again.
 */
async function knownMembers(client: KvorumClient, timeoutMs: number): Promise<readonly ClusterMember[]> {
  const own = client.members({ timeoutMs, serializable: true }).then(
    (answer) => answer.members,
    () => [],
  );
  try {
    return (await client.members({ timeoutMs })).members;
  } catch {
    return own;
  }
}

async function ask(client: KvorumClient, endpoint: string): Promise<Told> {
  try {
    return await client.status(endpoint);
  } catch (error) {
    if (error instanceof KvorumError) return { endpoint, error: error.message };
    throw error;
  }
}

/** @param silent what was asked already, in vain */
async function askMember(
  client: KvorumClient,
  member: ClusterMember,
  silent: readonly Silent[],
): Promise<Told> {
  const { id, name, clientAddress } = member;
  if (clientAddress === '') return { endpoint: '', id, name, error: 'it has not made its address known' };
  const told = silent.find(({ endpoint }) => isAt(member, endpoint)) ?? (await ask(client, clientAddress));
  return isSilent(told) ? { ...told, id, name } : told;
}

/** Two endpoints may lead to one server. */
function distinct<T extends Told>(told: readonly T[]): readonly T[] {
  const seen = new Set<bigint>();
  return told.filter(({ id }) => id === undefined || (!seen.has(id) && seen.add(id)));
}

function isAt({ clientAddress }: ClusterMember, endpoint: string): boolean {
  return clientAddress !== '' && plain(clientAddress) === plain(endpoint);
}

function plain(endpoint: string): string {
  const { host, port } = parseHostPort('endpoint', endpoint);
  return `${host === 'localhost' ? '127.0.0.1' : host}:${port}`;
}

const collator = new Intl.Collator('en', { numeric: true });

/** node2 before node10. */
export function byName(left: string, right: string): number {
  return collator.compare(left, right);
}

const header = [
  ...['NAME', 'ID', 'CLIENT', 'ROLE', 'TERM', 'COMMIT', 'APPLIED', 'BEHIND', 'REVISION', 'DATABASE', 'LOG'],
  ...['DISK FREE', 'FILES', 'LEVEL', 'VERSION'],
];

/** A row for each member, and below it a line for each trouble. */
export function statusTable(told: readonly Told[]): string {
  const answers = told.filter((each): each is ServerStatus => !isSilent(each));
  const table = textTable(
    header,
    told.map((each) => row(each, answers)),
  );
  const starting = told
    .filter(isSilent)
    .flatMap(({ endpoint, id }) => (endpoint === '' && id !== undefined ? [id] : []));
  const lines = troubles(answers, starting);
  return lines.length === 0 ? table : `${table}\n${lines.map((line) => `${line}\n`).join('')}`;
}

function row(each: Told, answers: readonly ServerStatus[]): string[] {
  const behind = entriesBehind(each, answers);
  if (isSilent(each)) {
    const { endpoint, id, name } = each;
    return [
      name ?? '-',
      id === undefined ? '-' : formatId(id),
      endpoint === '' ? '-' : endpoint,
      endpoint === '' ? 'not up yet' : 'unreachable',
      ...['', '', '', behind],
    ];
  }
  const { diskFreeBytes, openFiles, openFilesMax } = each;
  return [
    each.name,
    formatId(each.id),
    each.endpoint,
    each.role,
    String(each.term),
    String(each.commitIndex),
    String(each.appliedIndex),
    behind,
    String(each.revision),
    sizeText(each.databaseSizeBytes),
    sizeText(each.logSizeBytes),
    diskFreeBytes === undefined ? '-' : sizeText(diskFreeBytes),
    openFiles === undefined ? '-' : `${openFiles} of ${openFilesMax ?? 'any'}`,
    each.featureLevel === undefined ? '-' : String(each.featureLevel),
    each.version,
  ];
}
