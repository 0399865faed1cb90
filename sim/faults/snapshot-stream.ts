import type { MemberId } from '../../src/base/ids.js';
import { memberDefaults } from '../../src/member/options.js';
import type { Machine } from '../machine.js';
import { membersMax } from '../plan.js';
import type { Offered } from '../snapshot-conduct.js';
import { castOf, playMsMax } from './cast.js';
import { isArriving } from './snapshot-corners.js';
import type { Fault, FaultScene } from './scene.js';
import { handOver, holdOffer, play, type LateOffer, type Stage } from './stage.js';

/** What happens to the snapshots that some members need at once. */
interface Act {
  readonly stage: Stage;
  readonly leader: Machine;
  readonly next: Machine;
  /** They lack what the logs of all others have forgotten. */
  readonly lagging: readonly Machine[];
  /** One of them. */
  readonly away: Machine;
}

interface Kind {
  readonly name: string;
  /** Before they come back. @returns what happens then, where something does */
  readonly play: (act: Act) => (() => Promise<void>) | undefined;
  /** Nothing keeps the first transfer from being enough. */
  readonly isGentle?: boolean;
}

const breaksMax = 6;
/** So many may be on their way to one that has caught up. */
const entriesOnTheWay = 3;

/** More of the snapshot is here than there was. */
async function untilMore({ stage, away }: Act): Promise<void> {
  await stage.until(() => isArriving(away), playMsMax);
  const before = away.backend.arrivingSizeBytes ?? 0;
  await stage.until(() => (away.backend.arrivingSizeBytes ?? Infinity) > before, playMsMax, 0.1);
  stage.need(isArriving(away) && !away.parts.raft.installing);
}

const nothing: Kind = { name: 'nothing', play: () => undefined, isGentle: true };

/** The links break often, each time after more has come. */
const breaks: Kind = {
  name: 'links break',
  isGentle: true,
  play: (act) => async () => {
    const { stage, leader, away } = act;
    for (let left = stage.dice.between(1, breaksMax); left > 0; left--) {
      await untilMore(act);
      stage.cluster.network.disconnect(leader.id, away.id);
    }
  },
};

/** Nobody reaches the receiver, or only its leader does not: for less than what it has is kept, or for more. */
const apart: Kind = {
  name: 'the receiver is away',
  play: (act) => async () => {
    const { stage, leader, away } = act;
    const { network, machines, options } = stage.cluster;
    await untilMore(act);
    const others = machines.filter((each) => each !== away);
    const from = stage.dice.chance(0.6) ? others : [leader];
    const mend = stage.lasts(
      network.partition(
        from.map(({ id }) => id),
        [away.id],
      ),
    );
    // What was told to be written takes a moment to be gone.
    await stage.pass(options.snapshotKeptMs * stage.dice.pick([0.5, 1]) + stage.dice.pick([200, 1500]));
    mend();
  },
};

const restarts: Kind = {
  name: 'the receiver starts anew',
  play: (act) => async () => {
    await untilMore(act);
    act.stage.cluster.end(act.away, act.stage.dice.pick(['kill', 'power-loss']));
  },
};

/** Bytes that one of both has left besides the log's reserve, for a while. */
const fullDisk: Kind = {
  name: 'a disk is nearly full',
  play: (act) => async () => {
    const { stage, leader, away } = act;
    const { diskReserveSizeBytes } = stage.cluster.options;
    const machine = stage.dice.pick([leader, leader, away]);
    await untilMore(act);
    const { disk } = machine;
    const freeBytes = diskReserveSizeBytes + stage.dice.pick([-2000, -2000, 300]);
    machine.capacityBytes = disk.capacityBytes = disk.usedBytes + disk.takenByOthers() + freeBytes;
    stage.tell(`${machine.name} has ${freeBytes} bytes left`);
    const mend = stage.lasts(() => {
      machine.capacityBytes = machine.disk.capacityBytes = Infinity;
    });
    await stage.pass(stage.dice.pick([300, 900]));
    mend();
  },
};

const succession: Kind = {
  name: 'another leads',
  play: (act) => async () => {
    await untilMore(act);
    await handOver(act.stage, act.leader, act.next);
  },
};

/** The first offer comes when another leads, before the offer of that one or behind it. */
const lateOffer: Kind = {
  name: 'an offer is late',
  play: ({ stage, leader, next, away }) => {
    let offer: LateOffer | undefined;
    holdOffer(stage, leader, away, (held) => {
      offer = held;
    });
    return async () => {
      await stage.until(() => offer !== undefined, playMsMax);
      const { cluster, dice } = stage;
      cluster.hiddenFaults++;
      const release = stage.lasts(() => {
        offer?.arrive();
        cluster.hiddenFaults--;
        cluster.liveness.disturb();
      });
      await handOver(stage, leader, next);
      await stage.until(() => away.running && away.parts.raft.leader === next.id, playMsMax);
      await stage.pass(dice.pick([0, 20, 100]));
      release();
    };
  },
};

/** All of it is there, and that is never heard: neither the end of the transfer, nor what Raft says to it. */
const lostEnd: Kind = {
  name: 'the end is not heard',
  play: ({ stage, leader, away }) => {
    const { network } = stage.cluster;
    let mend: (() => void) | undefined;
    away.storage.beforeNextPrepare(() => {
      network.disconnect(leader.id, away.id);
      mend = stage.lasts(network.partition([leader.id], [away.id]));
    });
    return async () => {
      await stage.until(() => mend !== undefined, playMsMax);
      await stage.pass(stage.dice.between(100, 600));
      mend!();
    };
  },
};

/** One joins besides: all that it lacks comes as a snapshot, too. */
const joins: Kind = {
  name: 'one joins',
  play: ({ stage: { cluster } }) => {
    if (cluster.machines.length < membersMax) cluster.start(cluster.addMachine('joining'));
    return undefined;
  },
};

const kinds = [
  ...[
    nothing,
    breaks,
    apart,
    apart,
    restarts,
    fullDisk,
    fullDisk,
    succession,
    lateOffer,
    lostEnd,
    joins,
    joins,
  ],
];

/**
 * Some members come back when all logs have left them behind, more of them than may be brought a snapshot at once, or as
 * many; entries arrive meanwhile. Something happens to the transfer to one of them. In some of these runs bits of what is
 * sent change on their way.
 */
export const snapshotStream: Fault = (scene) => {
  const { cluster, dice } = scene;
  const cast = castOf(cluster);
  if (cast === undefined || cast.others.length < 4) return undefined;
  const { leader, others } = cast;
  const shuffled = dice.shuffled(others);
  const lagging = shuffled.slice(0, dice.chance(0.7) ? 2 : 1);
  const [away, next] = [lagging[0]!, shuffled[2]!];
  const kind = dice.pick(kinds);
  const rots = dice.chance(0.2);
  play(scene, playMsMax, async (stage) => {
    if (rots) rot(stage, leader);
    const mend = await leaveBehind(stage, lagging);
    const sender = cluster.leader();
    stage.need(sender !== undefined && sender.running && away.running);
    const act = { stage, leader: sender!, next, lagging, away };
    const begun = offersTo(stage, away.id);
    const goOn = kind.play(act);
    mend();
    await goOn?.();
    await stage.until(() => lagging.every((each) => hasCaughtUp(each, sender!)), playMsMax);
    if (kind.isGentle === true && !rots && isRoomy(scene, lagging)) requireOne(scene, begun, act);
  });
  return `${lagging.map(({ name }) => name).join(' ')} behind ${leader.name}: ${kind.name}`;
};

function rot(stage: Stage, leader: Machine): void {
  const { dice } = stage;
  leader.rotsChunk = () => dice.chance(0.01);
  leader.rotsEnd = () => (dice.chance(0.5) ? dice.pick(['sum', 'rows'] as const) : undefined);
  stage.lasts(() => {
    leader.rotsChunk = () => false;
    leader.rotsEnd = () => undefined;
  });
}

/** @returns brings them back */
async function leaveBehind(stage: Stage, lagging: readonly Machine[]): Promise<() => void> {
  const { cluster } = stage;
  const others = cluster.machines.filter((each) => !lagging.includes(each));
  const mend = stage.lasts(
    cluster.network.partition(
      lagging.map(({ id }) => id),
      others.map(({ id }) => id),
    ),
  );
  const newest = Math.max(...lagging.map((each) => (each.running ? each.parts.raft.lastIndex : 0)));
  const isBehind = (): boolean =>
    others.every((each) => each.running && each.parts.raft.firstIndex > newest + 1);
  await stage.until(isBehind, playMsMax);
  return mend;
}

/** Of the snapshots that are offered to it from now on. */
function offersTo(stage: Stage, id: MemberId): ReadonlySet<bigint> {
  const begun = new Set<bigint>();
  const listener = ({ to, offer }: Offered): void => {
    if (to === id) begun.add(offer.id);
  };
  const { offerListeners } = stage.cluster.snapshots;
  offerListeners.add(listener);
  stage.lasts(() => offerListeners.delete(listener));
  return begun;
}

function hasCaughtUp(machine: Machine, leader: Machine): boolean {
  if (!machine.running || !leader.running) return false;
  return machine.parts.machine.applied.index + entriesOnTheWay >= leader.parts.raft.commit;
}

/** No bound is come to, and none has to wait for another. */
function isRoomy({ cluster }: FaultScene, lagging: readonly Machine[]): boolean {
  const { logSizeBytesMax, snapshotViewsMax } = cluster.options;
  return logSizeBytesMax === memberDefaults.logSizeBytesMax && lagging.length <= snapshotViewsMax;
}

function requireOne({ cluster }: FaultScene, begun: ReadonlySet<bigint>, { leader, away }: Act): void {
  if (begun.size <= 1 || cluster.leader() !== leader) return;
  cluster.fail(
    new Error(`${away.name} is brought ${begun.size} snapshots, and nothing kept one from being enough`),
  );
}
