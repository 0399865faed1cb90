import { randomInt } from 'node:crypto';
import type { Stream } from './stream.js';

const slotsMin = 16;
/** More than these are given back when the map is empty. */
const slotsKeptMax = 256;

/**
 * Odd, and of this process alone: a peer chooses its ids, and must not be able to choose those that share a place.
 */
const secretFactor = randomInt(2 ** 31, 2 ** 32) | 1;

/**
 * Streams by id: a hash table of our own, open addressing with linear probing, at most half full. Ids follow each
 * other; were their places to do so as well, each deletion would walk over all that stand behind it.
 *
 * A Map is as fast, but dear for the garbage collector: whenever it makes room it keeps a link from its old table,
 * with what was in it, to its new one. Once one of those tables has reached the old generation, all later ones and
 * the streams in them are kept until the next full collection, with the chunks that their requests lie in.
 */
export class StreamMap {
  #slots: (Stream | undefined)[] = emptySlots(slotsMin);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): Stream | undefined {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = homeOf(id, mask); ; at = (at + 1) & mask) {
      const stream = slots[at];
      if (stream === undefined || stream.id === id) return stream;
    }
  }

  /** @param stream with an id that is not here yet */
  add(stream: Stream): void {
    if (2 * (this.#size + 1) > this.#slots.length) this.#grow();
    place(this.#slots, stream);
    this.#size++;
  }

  /** Harmless for one that is not here. */
  delete(stream: Stream): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = homeOf(stream.id, mask);
    while (slots[hole] !== stream) {
      if (slots[hole] === undefined) return;
      hole = (hole + 1) & mask;
    }
    this.#size--;
    // Those behind the hole that could stand in it move up, so that a search never ends too early.
    for (let at = (hole + 1) & mask; slots[at] !== undefined; at = (at + 1) & mask) {
      const home = homeOf(slots[at]!.id, mask);
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots[hole] = slots[at];
      hole = at;
    }
    slots[hole] = undefined;
    if (this.#size === 0 && slots.length > slotsKeptMax) this.#slots = emptySlots(slotsMin);
  }

  /** In no particular order; what is added or deleted later does not matter. */
  values(): Stream[] {
    return this.#slots.filter((stream) => stream !== undefined);
  }

  #grow(): void {
    const slots = emptySlots(2 * this.#slots.length);
    for (const stream of this.#slots) if (stream !== undefined) place(slots, stream);
    this.#slots = slots;
  }
}

function homeOf(id: number, mask: number): number {
  let hash = Math.imul(id, 0x9e37_79b1);
  hash = Math.imul(hash ^ (hash >>> 15), secretFactor);
  return (hash ^ (hash >>> 15)) & mask;
}

function place(slots: (Stream | undefined)[], stream: Stream): void {
  const mask = slots.length - 1;
  let at = homeOf(stream.id, mask);
  while (slots[at] !== undefined) at = (at + 1) & mask;
  slots[at] = stream;
}

function emptySlots(count: number): (Stream | undefined)[] {
  return new Array<Stream | undefined>(count).fill(undefined);
}
