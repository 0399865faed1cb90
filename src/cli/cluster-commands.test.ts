import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RunningServer } from '../server/server.js';
import { portOf, RunningServers } from '../testing/running-servers.js';
import { exitCodes } from './exit-codes.js';
import { byName } from './status.js';
import { runWords, type Ran } from './testing/fake-io.js';

/** A table's cells, without its header and what stands below the table. */
function cells(table: string): string[][] {
  return table
    .split('\n\n')[0]!
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(/ {2,}/).map((cell) => cell.trim()));
}

describe('commands for operators', () => {
  let servers: RunningServers;
  let all: readonly RunningServer[];
  before(async () => {
    servers = await RunningServers.open();
    all = await servers.cluster(3);
  });
  after(() => servers.close());

  const at = (server: RunningServer, ...words: readonly string[]): Promise<Ran> =>
    runWords([`-server=${server.grpcAddress}`, ...words]);
  const [first, second, third] = [() => all[0]!, () => all[1]!, () => all[2]!];

  it('members: a table by name, the same at every member', async () => {
    const { code, stdout, stderr } = await at(first(), 'members');
    assert.deepEqual([code, stderr], [exitCodes.ok, '']);
    assert.match(stdout, /^NAME {3}ID {16}ROLE {4}CLIENT {11}RAFT\n/);
    assert.deepEqual(
      cells(stdout).map(([name, id, , client, raft]) => [name, /^[0-9a-f]{16}$/.test(id!), client, raft]),
      all.map(({ name, grpcAddress, raftAddress }) => [name, true, grpcAddress, raftAddress]),
    );
    assert.deepEqual(
      cells(stdout)
        .map(([, , role]) => role)
        .sort(),
      ['leader', 'voter', 'voter'],
    );
    for (const server of all) assert.equal((await at(server, 'members')).stdout, stdout);
  });

  it('members --json: the same for programs', async () => {
    const { code, stdout } = await at(second(), 'members', '--json');
    assert.equal(code, exitCodes.ok);
    const told = JSON.parse(stdout) as { clusterId: string; members: Record<string, unknown>[] };
    assert.match(told.clusterId, /^[0-9a-f]{16}$/);
    assert.deepEqual(
      told.members.map(({ id, leader, ...rest }) => [typeof id, typeof leader, rest]),
      all.map(({ name, grpcAddress: clientAddress, raftAddress }) => [
        'string',
        'boolean',
        { name, clientAddress, raftAddress, voter: true },
      ]),
    );
  });

  it('status: what every member says of itself, each once, whomever one asks', async () => {
    const localhost = `localhost:${portOf(first().grpcAddress)}`;
    for (const named of [third().grpcAddress, `${localhost},${first().grpcAddress},${third().grpcAddress}`]) {
      const { code, stdout, stderr } = await runWords([`-server=${named}`, 'status']);
      assert.deepEqual([code, stderr], [exitCodes.ok, '']);
      const rows = cells(stdout);
      assert.deepEqual(
        rows.map(([name]) => name),
        ['node1', 'node2', 'node3'],
      );
      assert.equal(rows.filter(([, , , role]) => role === 'leader').length, 1);
      assert.equal(rows.filter(([, , , role]) => role === 'follower').length, 2);
    }
  });

  it('status: shows how far behind a member is, the space on its disk, and its open files', async () => {
    const { stdout } = await at(first(), 'status');
    const [header] = stdout.split('\n');
    assert.match(header!, / APPLIED +BEHIND +REVISION +DATABASE +LOG +DISK FREE +FILES +LEVEL +VERSION$/);
    assert.ok(!stdout.includes('\n\n'), 'there is no trouble');
    for (const row of cells(stdout)) {
      assert.match(row[7]!, /^\d+$/);
      assert.match(row[11]!, /^[\d.]+ [KMGT]iB$/);
      assert.match(row[12]!, /^\d+ of \d+$/);
    }
  });

  it('status --json: the same for programs', async () => {
    const { stdout } = await at(first(), 'status', '-json');
    const told = JSON.parse(stdout) as Record<string, unknown>[];
    assert.deepEqual(
      told.map(({ name, endpoint }) => [name, endpoint]),
      all.map(({ name, grpcAddress }) => [name, grpcAddress]),
    );
    for (const each of told) {
      assert.equal(each['leaderId'], told.find(({ role }) => role === 'leader')!['id']);
      for (const field of ['term', 'commitIndex', 'appliedIndex', 'revision', 'databaseSizeBytes']) {
        assert.equal(typeof each[field], 'number', field);
      }
    }
  });

  it('transfer-leader: hands over to whom it is told, by name or id, or to anyone', async () => {
    for (const { name } of all) {
      assert.deepEqual(await at(second(), 'transfer-leader', name), {
        code: exitCodes.ok,
        stdout: `${name}\n`,
        stderr: '',
      });
    }
    const [row] = cells((await at(first(), 'members')).stdout);
    assert.equal((await at(first(), 'transfer-leader', row![1]!)).stdout, 'node1\n');
    const anyone = await at(first(), 'transfer-leader');
    assert.equal(anyone.code, exitCodes.ok);
    assert.match(anyone.stdout, /^node[23]\n$/);
  });

  it('compact: forgets what is older than a revision, or all that is not the newest', async () => {
    for (const value of ['1', '2', '3']) await at(first(), 'set', 'compacted', value);
    const { modRevision } = JSON.parse((await at(first(), 'get', 'compacted', '--json')).stdout) as {
      modRevision: number;
    };
    const told = await at(second(), 'compact', String(modRevision - 1));
    assert.deepEqual(told, { code: exitCodes.ok, stdout: `${modRevision - 1}\n`, stderr: '' });
    assert.equal((await at(second(), 'compact')).stdout, `${modRevision}\n`);
    assert.deepEqual(await at(first(), 'compact'), {
      ...{ code: exitCodes.ok, stdout: `${modRevision}\n`, stderr: '' },
    });
    const again = await at(first(), 'compact', String(modRevision));
    assert.deepEqual([again.code, again.stdout], [exitCodes.failed, '']);
    assert.match(again.stderr, /revision \d+ is compacted already, the oldest left is \d+/);
    assert.match((await at(first(), 'compact', '999999')).stderr, /revision 999999 has not been written yet/);
    assert.equal((await at(first(), 'compact', '-1')).code, exitCodes.usage);
    assert.match((await at(first(), 'compact', '0')).stderr, /REVISION must be a whole number from 1 on/);
    assert.equal((await at(first(), 'get', 'compacted')).stdout, '3\n');
  });

  it('refuse in one line what cannot be', async () => {
    const wrong: [string[], number, RegExp][] = [
      [['transfer-leader', 'nope'], exitCodes.failed, /^no member is named "nope"$/],
      [['remove', 'nope'], exitCodes.failed, /^no member is named "nope" \(for a key: kvorum delete\)$/],
      [['remove', '00000000000000ff'], exitCodes.failed, /00000000000000ff/],
      [['promote', 'nope'], exitCodes.failed, /^no member is named "nope"$/],
      [['remove', ''], exitCodes.usage, /^a member must be named by its id or its name$/],
      [['update-member', 'node3', 'x'], exitCodes.usage, /^the address must be host:port .* not "x"$/],
      [['update-member', 'nope', 'x:1'], exitCodes.failed, /^no member is named "nope"$/],
      [['update-member', 'node3', first().raftAddress], exitCodes.usage, /^member node3 is up at /],
    ];
    for (const [words, code, message] of wrong) {
      const ran = await at(first(), ...words);
      assert.deepEqual([ran.code, ran.stdout], [code, ''], words.join(' '));
      assert.match(ran.stderr.slice(0, -1), message);
      assert.equal(ran.stderr.indexOf('\n'), ran.stderr.length - 1);
    }
  });

  it('promote: a voter stays one', async () => {
    assert.deepEqual(await at(first(), 'promote', 'node2'), {
      code: exitCodes.ok,
      stdout: 'OK\n',
      stderr: '',
    });
  });

  it('status: names a member that does not answer', async () => {
    await third().stop();
    await at(first(), 'set', 'a', '1');
    for (const named of [first(), third()]) {
      const endpoints = [first().grpcAddress, named.grpcAddress].join(',');
      const { code, stdout } = await runWords([`-server=${endpoints}`, 'status']);
      assert.equal(code, exitCodes.ok);
      const rows = cells(stdout);
      assert.deepEqual(
        rows.map(([name, , client, role]) => [name, client, role === 'unreachable']),
        all.map(({ name, grpcAddress }) => [name, grpcAddress, name === 'node3']),
      );
    }
    const { stdout } = await runWords([`-server=${first().grpcAddress}`, 'status', '--json']);
    const silent = (JSON.parse(stdout) as Record<string, unknown>[])[2]!;
    assert.deepEqual(Object.keys(silent).sort(), ['endpoint', 'error', 'id', 'name']);
  });

  it('status: says below the table who cannot be reached, by whom, since when, and how far behind it is', async () => {
    const { name, raftAddress } = third();
    const wanted = new RegExp(
      `\\n\\n${name} at ${raftAddress} cannot be reached by node1 since \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d, by node2 since .*: .+\\n$`,
    );
    // A connection that a process closed is noticed a little later.
    let { stdout } = await at(first(), 'status');
    while (!wanted.test(stdout)) ({ stdout } = await at(first(), 'status'));
    assert.match(cells(stdout)[2]!.at(-1)!, /^\d+$/);
    const json = JSON.parse((await at(first(), 'status', '--json')).stdout) as {
      readonly peers: readonly Record<string, unknown>[];
    }[];
    const seen = json[0]!.peers.find((peer) => peer['name'] === name)!;
    assert.deepEqual([seen['reachable'], seen['voter'], seen['raftAddress']], [false, true, raftAddress]);
    assert.ok(Math.abs(Date.now() - Number(seen['sinceMs'])) < 600_000);
  });

  it('update-member: the cluster knows the new address', async () => {
    assert.equal((await at(first(), 'update-member', 'node3', '127.0.0.1:1')).stdout, 'OK\n');
    assert.equal(cells((await at(second(), 'members')).stdout)[2]![4], '127.0.0.1:1');
  });

  it('remove: the member is gone', async () => {
    assert.equal((await at(second(), 'remove', 'node3')).stdout, 'OK\n');
    assert.equal(cells((await at(first(), 'members')).stdout).length, 2);
  });

  it('status: without a quorum, whoever answers is shown', async () => {
    await second().stop();
    const { code, stdout, stderr } = await at(first(), '-timeout=500', 'status');
    assert.deepEqual([code, stderr], [exitCodes.ok, '']);
    assert.deepEqual(
      cells(stdout).map(([name]) => name),
      ['node1', 'node2'],
    );
    assert.match(stdout, /^node2 .* unreachable/m);
    // A leader that nobody answers any more gives up after an election time-out.
    let below = stdout;
    while (!below.includes('knows no leader')) below = (await at(first(), '-timeout=500', 'status')).stdout;
    assert.match(below, /^node1 knows no leader: it can reach 1 of 2 voters, and 2 are needed$/m);
    // On a busy machine the answer may come too late for the caller, who then says so.
    const said = async (stderr: string, ...words: readonly string[]): Promise<Ran> => {
      let told: Ran;
      do told = await at(first(), '-timeout=500', ...words);
      while (told.stderr !== stderr);
      return told;
    };
    for (const words of [['members'], ['get', 'a'], ['list'], ['keys'], ['export']]) {
      const why = 'no leader was found in time (see kvorum status; -serializable reads without a majority)\n';
      const { code: exit, stdout: printed } = await said(why, ...words);
      assert.deepEqual([exit, printed], [exitCodes.unavailable, '']);
    }
    for (const words of [
      ['set', 'a', '1'],
      ['remove', 'node2'],
    ]) {
      await said('no leader was found in time; nothing was changed\n', ...words);
    }
    const own = await at(first(), '-timeout=500', 'members', '-serializable');
    assert.deepEqual([own.code, own.stderr], [exitCodes.ok, '']);
    assert.deepEqual(
      cells(own.stdout).map(([name]) => name),
      ['node1', 'node2'],
    );
  });

  it('status: where nobody answers, it says so after the table', async () => {
    const { code, stdout, stderr } = await at(second(), 'status');
    assert.deepEqual([code, stderr], [exitCodes.unavailable, 'no server answered\n']);
    assert.deepEqual(cells(stdout), [['-', '-', second().grpcAddress, 'unreachable']]);
  });
});

describe('byName', () => {
  it('counts as people do', () => {
    assert.deepEqual(['node10', 'node2', 'a', 'node1'].sort(byName), ['a', 'node1', 'node2', 'node10']);
  });
});
