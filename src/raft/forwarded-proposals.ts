import { assert } from '../base/assert.js';
import type { Message, Term } from './types.js';

/** Proposals of this member, from the first whose outcome still matters on; with so many, one more is not taken. */
export const forwardedMax = 16;

/** Ticks until the first is sent again, which its answer has rarely needed. Each time it is twice as long, up to a limit. */
const resendTicks = 5;
/** So often it is doubled: nobody tells when a way is free again on which messages were lost. */
const doublingsMax = 2;
/** A tick more for so many bytes: what a slow link still carries is not sent beside itself. */
const resendSizeBytesPerTick = 256 * 1024;
/** So long bytes that arrive put that off: they may be of other messages. */
const movingTicksMax = 40;

type Proposal = Extract<Message, { readonly type: 'propose' }>;

interface Forwarded {
  /** Of those of a term, the first is 1. */
  readonly number: number;
  message: Proposal;
  /** The number of what the message names as its predecessor; its own, if it names none. */
  afterNumber: number;
  readonly sinceTick: number;
  /** When it was sent again by itself. */
  againTick: number;
}

/**
 * Proposals on their way to the leader of `term`, oldest first. They are sent again, all in their order, until each
 * has its outcome: the leader decides once on each id, and on none before the one that it names as its predecessor.
 *
 * The outcomes that still matter are of the newest `windowMax`: more are never proposed behind the oldest of them. So
 * a leader that remembers as many has never forgotten one (the sessions of Ongaro's thesis, section 6.3, whose client
 * says which answer it still waits for).
 */
export class ForwardedProposals {
  readonly #ageMaxTicks: number;
  readonly #windowMax: number;
  #term: Term = 0;
  #open: Forwarded[] = [];
  #newestNumber = 0;
  #sentTick = 0;
  #movedTick = 0;
  #resends = 0;

  /**
   * @param ageMaxTicks so old they are given up: their callers have been told that the outcome is unknown
   * @param windowMax no more than any leader remembers
   */
  constructor(ageMaxTicks: number, windowMax = forwardedMax) {
    assert(windowMax >= 1 && windowMax <= forwardedMax, `${windowMax} proposals are on their way`);
    this.#ageMaxTicks = ageMaxTicks;
    this.#windowMax = windowMax;
  }

  /** Of an earlier term none is left: the log tells what became of them. */
  full(term: Term): boolean {
    if (this.#term !== term) return false;
    const firstNumber = this.#open.reduce(
      (first, { afterNumber }) => Math.min(first, afterNumber),
      this.#newestNumber + 1,
    );
    return this.#newestNumber - firstNumber + 1 >= this.#windowMax;
  }

  /** The newest whose place in the log is open; 0 if none. Changes of members are in no order with the others. */
  newestId(term: Term): number {
    return this.#newest(term)?.message.proposalId ?? 0;
  }

  #newest(term: Term): Forwarded | undefined {
    if (this.#term !== term) return undefined;
    return this.#open.findLast(({ message }) => message.entryType === 'normal');
  }

  /** @param message names as its predecessor the newest, or none */
  add(message: Proposal, tick: number): void {
    if (message.term !== this.#term) this.#begin(message.term);
    if (this.#open.length === 0) this.#progress(tick);
    const number = ++this.#newestNumber;
    const afterNumber = message.behindId === 0 ? number : this.#newest(message.term)!.number;
    this.#open.push({ number, message, afterNumber, sinceTick: tick, againTick: -Infinity });
  }

  #begin(term: Term): void {
    this.#term = term;
    this.#open = [];
    this.#newestNumber = 0;
  }

  #progress(tick: number): void {
    this.#sentTick = tick;
    this.#resends = 0;
  }

  /** What goes to the leader, or comes from it, arrives bit by bit: it is not lost. */
  moving(tick: number): void {
    this.#movedTick = tick;
  }

  /**
   * @param isAppended nothing is left to wait for: what goes behind it need not name it. Behind one that was dropped
   *   nothing may be appended, so that stays named.
   * @returns those before it: the leader has decided on them, and its answers are lost, unless they come in no order
   */
  settled(proposalId: number, isAppended: boolean, tick: number): readonly Proposal[] {
    const at = this.#open.findIndex(({ message }) => message.proposalId === proposalId);
    if (at < 0) return [];
    if (isAppended) this.#releaseBehind(proposalId);
    const [settled] = this.#open.splice(at, 1);
    if (at === 0) this.#progress(tick);
    if (settled!.message.entryType !== 'normal') return [];
    const overtaken = this.#open.slice(0, at).filter((each) => {
      return each.message.entryType === 'normal' && each.againTick < tick;
    });
    for (const each of overtaken) each.againTick = tick;
    return overtaken.map(({ message }) => message);
  }

  /** It stands in the log: what goes behind it need not name it to a leader that may have forgotten its outcome. */
  applied(proposalId: number, tick: number): void {
    const at = this.#open.findIndex(({ message }) => message.proposalId === proposalId);
    if (at < 0) return;
    this.#open.splice(at, 1);
    this.#releaseBehind(proposalId);
    if (at === 0) this.#progress(tick);
  }

  /** Those that are to be sent again because no outcome has come for so long. */
  overdue(term: Term, tick: number): readonly Proposal[] {
    if (this.#term !== term || this.#open.length === 0) return [];
    if (this.#giveUpOld(tick)) {
      this.#resends = 0;
      return this.again(term, tick);
    }
    const sizeBytes = this.#open.reduce((sum, { message }) => sum + message.data.length, 0);
    const doublings = Math.min(this.#resends, doublingsMax);
    const waitTicks = (resendTicks + Math.ceil(sizeBytes / resendSizeBytesPerTick)) * 2 ** doublings;
    const sinceTick = Math.min(Math.max(this.#movedTick, this.#sentTick), this.#sentTick + movingTicksMax);
    return tick - sinceTick < waitTicks ? [] : this.again(term, tick);
  }

  /** All of them, for the way to the leader was interrupted. */
  again(term: Term, tick: number): readonly Proposal[] {
    if (this.#term !== term) return [];
    this.#sentTick = tick;
    this.#resends++;
    return this.#open.map(({ message }) => message);
  }

  /** @returns whether there were such */
  #giveUpOld(tick: number): boolean {
    const before = this.#open.length;
    while (this.#open.length > 0 && tick - this.#open[0]!.sinceTick > this.#ageMaxTicks) {
      const { message: given } = this.#open.shift()!;
      // Whether it stands in the log is open for good: nothing waits for it.
      this.#releaseBehind(given.proposalId);
    }
    return this.#open.length < before;
  }

  #releaseBehind(proposalId: number): void {
    for (const each of this.#open) {
      if (each.message.behindId !== proposalId) continue;
      each.message = { ...each.message, behindId: 0 };
      each.afterNumber = each.number;
    }
  }
}
