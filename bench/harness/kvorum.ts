import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as kvorumClient from '../../src/client/index.js';
import type { KvorumClient, ListOptions } from '../../src/client/index.js';
import { StatusRequest, StatusResponse } from '../../src/generated/kvorum.js';
import { GetRequest, GetResponse, SetRequest } from '../../src/generated/kvstore.js';
import { Calls } from './calls.js';
import { endpointOf, type KeyValueApi, type MemberPlan, type MemberState, type System } from './system.js';

/** Of one page. */
const callTimeoutMs = 60_000;

export const keyValueStoreApi: KeyValueApi = {
  putMethod: '/proto.KeyValueStore/Set',
  getMethod: '/proto.KeyValueStore/Get',
  encodePut: (key, value) => SetRequest.encode({ key, value }).finish(),
  encodeGet: (key) => GetRequest.encode({ key }).finish(),
  decodeGet: (answer) => GetResponse.decode(answer).value,
};

/**
 * Kvorum with its default settings.
 *
 * @param root folder of a built work tree (with `dist/` and `package.json`)
 * @param profileFolder where members leave their CPU profiles when they end
 */
export function kvorum(name: string, root: string, profileFolder?: string): System {
  const calls = new Calls();
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return {
    name,
    version,
    api: keyValueStoreApi,
    client: { library: 'kvorum', root },
    bulkLibrary: 'kvorum',
    foundsTogether: false,
    endsCleanly: profileFolder !== undefined,
    program: (member, plan) => ({
      command: process.execPath,
      args: [
        ...profileFlags(member, profileFolder),
        join(root, 'dist/src/cli/main.js'),
        'serve',
        `-id=${member.name}`,
        `-grpcport=${member.clientPort}`,
        `-raftport=${member.peerPort}`,
        `-data-dir=${member.folder}`,
        ...entrance(member, plan),
      ],
    }),
    state: async (endpoint) => {
      const request = StatusRequest.encode({}).finish();
      return toState(await calls.call(endpoint, '/kvorum.v1.Cluster/Status', request));
    },
    admit: () => Promise.resolve(),
    compact: (endpoint, revision) =>
      withClient(root, endpoint, async (client) => {
        await client.compact(revision);
      }),
    list: (endpoint, revision) => withClient(root, endpoint, (client) => listAll(client, { revision })),
    // The API has no other way to count than to list the keys.
    count: (endpoint) => withClient(root, endpoint, (client) => listAll(client, { keysOnly: true })),
    close: () => calls.close(),
  };
}

async function withClient(
  root: string,
  endpoint: string,
  action: (client: KvorumClient) => Promise<void>,
): Promise<void> {
  const path = join(root, 'dist/src/client/index.js');
  const { connect } = (await import(pathToFileURL(path).href)) as typeof kvorumClient;
  const client = connect({ endpoints: [endpoint], timeoutMs: callTimeoutMs });
  try {
    await action(client);
  } finally {
    client.close();
  }
}

async function listAll(client: KvorumClient, options: ListOptions): Promise<void> {
  const pages = client.listPages(options);
  while ((await pages.next()).done !== true);
}

function profileFlags({ name, clientPort }: MemberPlan, folder: string | undefined): string[] {
  if (folder === undefined) return [];
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}-${clientPort}.cpuprofile`];
}

/** A folder that holds the cluster already makes both flags harmless. */
function entrance(member: MemberPlan, plan: readonly MemberPlan[]): string[] {
  const first = plan[0]!;
  return member === first ? ['-bootstrap'] : [`-join=${endpointOf(first)}`];
}

function toState(answer: Uint8Array): MemberState {
  const { id, leaderId, role, revision } = StatusResponse.decode(answer);
  return { id, leaderId, voter: role !== 'learner', revision: Number(revision) };
}
