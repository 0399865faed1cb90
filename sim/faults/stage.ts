import type { MemberId } from '../../src/base/ids.js';
import type { Parcel } from '../../src/peer/memory-network.js';
import type { IncomingSnapshot, PeerIdentity, SnapshotOffer } from '../../src/ports/peers.js';
import type { Message } from '../../src/raft/types.js';
import type { Cluster } from '../cluster.js';
import type { Dice } from '../dice.js';
import type { Machine } from '../machine.js';
import { orderTransfer } from './order.js';
import type { FaultScene } from './scene.js';

/** How often what is waited for is looked at, where the moment counts. */
const lookEveryMs = 0.5;

/** What the play waited for did not come. */
class Missed extends Error {}

/** Where a fault in several acts is played: what it changes is undone when it ends, however it ends. */
export class Stage {
  readonly cluster: Cluster;
  readonly dice: Dice;
  readonly #undo = new Set<() => void>();
  #over = false;

  constructor({ cluster, dice }: FaultScene) {
    this.cluster = cluster;
    this.dice = dice;
  }

  /** `end` is called once: by what is returned, or when the play ends. */
  lasts(end: () => void): () => void {
    const ending = (): void => {
      if (this.#undo.delete(ending)) end();
    };
    this.#undo.add(ending);
    return ending;
  }

  end(): void {
    this.#over = true;
    for (const ending of [...this.#undo]) ending();
  }

  tell(text: string): void {
    this.cluster.trace('fault', 'fault', text);
  }

  pass(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.cluster.clock.setTimer(ms, () => {
        if (this.#over) reject(new Missed());
        else resolve();
      });
    });
  }

  /** Ends the play if it does not come to hold within `ms`. @param everyMs how often that is looked at */
  async until(holds: () => boolean, ms: number, everyMs = lookEveryMs): Promise<void> {
    const endMs = this.cluster.clock.monotonicMs() + ms;
    while (!holds()) {
      if (this.cluster.clock.monotonicMs() >= endMs) throw new Missed();
      await this.pass(everyMs);
    }
  }

  /** The play has no sense without it. */
  need(holds: boolean): void {
    if (!holds) throw new Missed();
  }

  /** What leaves, and `holds` chooses, is kept back: it arrives when it is told to, whoever listens there by then. */
  keepBack(holds: (parcel: Parcel) => boolean): (() => void)[] {
    const kept: (() => void)[] = [];
    const { network } = this.cluster;
    this.lasts(
      network.hold((parcel, arrive) => {
        if (!holds(parcel)) return false;
        kept.push(arrive);
        return true;
      }),
    );
    return kept;
  }

  gate(machine: Machine, holds: (message: Message) => boolean): Gate {
    return new Gate(this, machine, holds);
  }
}

/** Messages to one machine are late, as long as it is not started again: those that `holds` chooses. */
export class Gate {
  #held: { readonly message: Message; readonly deliver: () => void }[] = [];

  constructor(stage: Stage, machine: Machine, holds: (message: Message) => boolean) {
    const station = stage.cluster.network.at(machine.address);
    if (station === undefined) return;
    const deliver = station.deliver.bind(station);
    station.deliver = (from: PeerIdentity, message: Message): void => {
      if (holds(message)) this.#held.push({ message, deliver: () => deliver(from, message) });
      else deliver(from, message);
    };
    stage.lasts(() => {
      station.deliver = deliver;
    });
  }

  get held(): readonly Message[] {
    return this.#held.map(({ message }) => message);
  }

  /** Those that `chosen` accepts arrive now, in the order in which they came, at most `countMax` of them. */
  release(chosen: (message: Message) => boolean = () => true, countMax = Infinity): void {
    const released = this.#held.filter(({ message }) => chosen(message)).slice(0, countMax);
    this.#held = this.#held.filter((each) => !released.includes(each));
    for (const { deliver } of released) deliver();
  }
}

/** Plays a fault in several acts, for `ms` at most. */
export function play(scene: FaultScene, ms: number, acts: (stage: Stage) => Promise<void>): void {
  const stage = new Stage(scene);
  scene.lasts(ms, () => stage.end());
  acts(stage)
    .catch((error: unknown) => {
      if (!(error instanceof Missed)) scene.cluster.fail(error);
    })
    .finally(() => stage.end());
}

export async function handOver(stage: Stage, from: Machine, to: Machine): Promise<void> {
  orderTransfer(stage.cluster, from, to.id);
  await stage.until(() => stage.cluster.leader() === to, stage.cluster.options.electionTimeoutMs * 3);
}

/** An offer of a snapshot that is late. */
export interface LateOffer {
  readonly offer: SnapshotOffer;
  readonly arrive: () => void;
}

/** The next snapshot that `from` offers to `to` is told to `held`, and offered when that says so. */
export function holdOffer(stage: Stage, from: Machine, to: Machine, held: (offer: LateOffer) => void): void {
  const station = stage.cluster.network.at(to.address);
  if (station === undefined) return;
  const offered = station.offered.bind(station);
  const mend = stage.lasts(() => {
    station.offered = offered;
  });
  station.offered = async (
    caller: PeerIdentity,
    target: MemberId,
    offer: SnapshotOffer,
  ): Promise<IncomingSnapshot | undefined> => {
    if (caller.memberId === from.id) {
      mend();
      await new Promise<void>((resolve) => {
        stage.lasts(resolve);
        held({ offer, arrive: resolve });
      });
    }
    return offered(caller, target, offer);
  };
}
