import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseHostPort } from '../base/address.js';
import { silentLog } from '../base/log.js';
import { connect } from '../client/index.js';
import { serverDefaults, startServer, type RunningServer, type ServerOptions } from '../server/server.js';

/** Real servers in this process, on free ports of 127.0.0.1 and in a temporary folder. */
export class RunningServers {
  readonly folder: string;
  readonly #running: RunningServer[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** To be closed. */
  static async open(): Promise<RunningServers> {
    return new RunningServers(await mkdtemp(join(tmpdir(), 'kvorum-servers-')));
  }

  /** Until the test ends. */
  static async in(t: Pick<TestContext, 'after'>): Promise<RunningServers> {
    const servers = await RunningServers.open();
    t.after(() => servers.close());
    return servers;
  }

  async close(): Promise<void> {
    await Promise.all(this.#running.map((server) => server.stop()));
    await rm(this.folder, { recursive: true });
  }

  get dataRoot(): string {
    return join(this.folder, 'data');
  }

  dataDir(id: string): string {
    return join(this.dataRoot, id);
  }

  /** @param options the rest is as by default; the data folder is named by the id */
  async start(
    options: Partial<ServerOptions> & { readonly id: string },
    signal?: AbortSignal,
  ): Promise<RunningServer> {
    const own = { grpcPort: 0, raftPort: 0, dataDir: this.dataDir(options.id), log: silentLog };
    const server = await startServer({ ...own, ...options }, signal);
    this.#running.push(server);
    return server;
  }

  /** A founder, node1, and others that have joined it, vote, and have made their client addresses known. */
  async cluster(size: number, host: string = serverDefaults.host): Promise<readonly RunningServer[]> {
    const founder = await this.start({ id: 'node1', host, bootstrap: true });
    const others = Array.from({ length: size - 1 }, (_, at) =>
      this.start({ id: `node${at + 2}`, host, join: [founder.grpcAddress] }),
    );
    const all = [founder, ...(await Promise.all(others))];
    await allVote(founder, size);
    return all;
  }
}

/** Waits for that. A member is up while it still learns: one that stops then leaves the others without a majority. */
async function allVote({ grpcAddress }: RunningServer, count: number): Promise<void> {
  const client = connect({ endpoints: grpcAddress });
  try {
    for (;;) {
      const { members } = await client.members();
      const ready = members.filter(({ voter, clientAddress }) => voter && clientAddress !== '');
      if (ready.length === count) return;
      await nextTurn();
    }
  } finally {
    client.close();
  }
}

export function portOf(address: string): number {
  return parseHostPort('address', address).port;
}

/** What starts a server again where `server` was. */
export function placeOf({
  name,
  grpcAddress,
  raftAddress,
}: RunningServer): Pick<ServerOptions, 'id' | 'host' | 'grpcPort' | 'raftPort'> {
  const { host, port: grpcPort } = parseHostPort('address', grpcAddress);
  return { id: name, host, grpcPort, raftPort: portOf(raftAddress) };
}
