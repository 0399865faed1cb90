import { isDamage } from '../src/base/errors.js';
import type { MemberParts } from '../src/member/parts.js';
import { MemoryNetwork, perfectNetwork } from '../src/peer/memory-network.js';
import { MemoryPeers } from '../src/peer/memory-peers.js';
import type { AppliedPosition } from '../src/ports/backend.js';
import type { Cluster } from './cluster.js';
import type { Dice } from './dice.js';
import type { Machine } from './machine.js';
import { Process } from './process.js';

/**
 * Starts with a data folder from which synced writes are gone, away from the cluster: that must be refused as damaged,
 * or what is found there to be committed must be what the cluster has committed, with the log that it comes from. The
 * member is not let in again.
 */
export function openApart(cluster: Cluster, machine: Machine, dice: Dice): void {
  const { clock, observer } = cluster;
  const process = new Process(clock, { rate: 1, wallOffsetMs: 0, turnMs: () => 0, entered: () => {} });
  const peers = new MemoryPeers(new MemoryNetwork(clock, dice, perfectNetwork), {
    clusterId: 0n,
    memberId: machine.id,
    name: machine.name,
    address: machine.address,
  });
  machine.disk.capacityBytes = Infinity;
  machine.storage.disarm();
  machine.storage.attach(machine.disk, machine.backend, process);
  cluster.open(machine, { process, peers }, [], dice).then(
    ({ raft, machine: state }) => {
      const { name } = machine;
      cluster.trace(name, 'log', `opens apart: its log ends at ${raft.lastIndex}, commit ${raft.commit}`);
      if (!holdsTruth(raft, observer.invariants.committed)) {
        cluster.fail(new Error(`${name} has forgotten what it synced, and takes for committed what is not`));
      }
      if (raft.firstIndex > raft.lastIndex && hadLogBehind(machine, state.applied)) {
        cluster.fail(new Error(`${name} has lost its log, and takes its state for a snapshot's`));
      }
    },
    (error: unknown) => {
      if (!isDamage(error)) cluster.fail(error);
      else cluster.trace(machine.name, 'log', `opens apart: ${error.message}`);
    },
  );
}

/** What was applied stood in a log that began before it: no snapshot has put the state there. */
function hadLogBehind({ durable }: Machine, applied: AppliedPosition): boolean {
  return (
    durable !== undefined &&
    durable.snapshot.index < applied.index &&
    durable.term(applied.index) === applied.term
  );
}

function holdsTruth(
  raft: MemberParts['raft'],
  committed: Cluster['observer']['invariants']['committed'],
): boolean {
  for (let index = raft.firstIndex; index <= raft.commit; index++) {
    if (committed[index]?.term !== raft.entryTerm(index)) return false;
  }
  return true;
}
