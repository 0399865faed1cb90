import { assert } from '../../base/assert.js';
import { HpackError } from './error.js';

/**
 * Bits of the code of each octet, and of EOS (256): RFC 7541, appendix B. The code is canonical: by length, then
 * by octet, each code is the one before plus one. So the lengths are all that must be known.
 */
// prettier-ignore
const codeLengths = Uint8Array.of(
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
  28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6,
  6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8,
  7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7,
  7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23,
  24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22,
  23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25,
  26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24,
  20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
);

const eos = 256;
const shortestCodeBits = 5;

const codes: Uint32Array = (() => {
  const made = new Uint32Array(codeLengths.length);
  const order = Array.from(codeLengths, (bits, symbol) => ({ bits, symbol }));
  order.sort((left, right) => left.bits - right.bits || left.symbol - right.symbol);
  let code = 0;
  let bitsBefore = order[0]!.bits;
  for (const { bits, symbol } of order) {
    code <<= bits - bitsBefore;
    bitsBefore = bits;
    made[symbol] = code++;
  }
  return made;
})();

/**
 * The decoder is an automaton that takes four bits a step. A state is a node of the code's tree, 0 the root.
 * A transition is the next state << 9, plus `emits` and the octet if a code ended on the way.
 */
const emits = 0x100;
const stateCount = eos + 1;
/** Where EOS leads, which must not occur; no way leads out. */
const failed = eos;

const { transitions, endings } = (() => {
  const nodes = buildTree();
  const made = new Int32Array(stateCount * 16).fill(failed << 9);
  for (let state = 0; state < failed; state++) {
    for (let nibble = 0; nibble < 16; nibble++) made[state * 16 + nibble] = walk(nodes, state, nibble);
  }
  // A string ends at the end of a code, or within the first seven bits of EOS, which are ones (section 5.2).
  const ends = new Uint8Array(stateCount);
  let state = 0;
  for (let padding = 0; padding < 8; padding++) {
    ends[state] = 1;
    state = nodes[state * 2 + 1]!;
  }
  return { transitions: made, endings: ends };
})();

/** Two places a node, for bit 0 and bit 1: another node, or -1 - symbol. */
function buildTree(): Int32Array {
  const nodes = new Int32Array(eos * 2);
  let nodeCount = 1;
  codeLengths.forEach((bits, symbol) => {
    let node = 0;
    for (let shift = bits - 1; shift > 0; shift--) {
      const place = node * 2 + ((codes[symbol]! >>> shift) & 1);
      if (nodes[place] === 0) nodes[place] = nodeCount++;
      node = nodes[place]!;
    }
    nodes[node * 2 + (codes[symbol]! & 1)] = -1 - symbol;
  });
  return nodes;
}

function walk(nodes: Int32Array, state: number, nibble: number): number {
  let node = state;
  let emitted = 0;
  for (let shift = 3; shift >= 0; shift--) {
    const next = nodes[node * 2 + ((nibble >>> shift) & 1)]!;
    if (next >= 0) {
      node = next;
      continue;
    }
    const symbol = -1 - next;
    if (symbol === eos) return failed << 9;
    emitted = emits | symbol;
    node = 0;
  }
  return (node << 9) | emitted;
}

/** For strings of usual length; larger ones get a buffer of their own. */
const scratch = Buffer.allocUnsafeSlow(8 * 1024);

/**
 * @returns the octets that bytes[from..to) stand for, as a latin1 string
 * @throws HpackError for EOS, and for padding that is longer than seven bits or not all ones
 */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number): string {
  const sizeBytesMax = Math.ceil(((to - from) * 8) / shortestCodeBits);
  const decoded = sizeBytesMax <= scratch.length ? scratch : Buffer.allocUnsafeSlow(sizeBytesMax);
  let length = 0;
  let state = 0;
  for (let at = from; at < to; at++) {
    const octet = bytes[at]!;
    const high = transitions[(state << 4) | (octet >> 4)]!;
    if (high & emits) decoded[length++] = high;
    const low = transitions[((high >> 9) << 4) | (octet & 0xf)]!;
    if (low & emits) decoded[length++] = low;
    state = low >> 9;
  }
  if (endings[state] !== 1) throw new HpackError('a Huffman string that holds EOS or has wrong padding');
  return decoded.toString('latin1', 0, length);
}

/** Octets of the Huffman form of a latin1 string. */
export function huffmanSizeBytes(text: string): number {
  let bits = 0;
  let seen = 0;
  for (let at = 0; at < text.length; at++) {
    const octet = text.charCodeAt(at);
    seen |= octet;
    bits += codeLengths[octet]!;
  }
  assert(seen <= 0xff, 'a header with a character beyond latin1');
  return Math.ceil(bits / 8);
}

/** @returns the place behind what was written: huffmanSizeBytes(text) octets from `at` */
export function encodeHuffman(text: string, bytes: Uint8Array, at: number): number {
  let next = at;
  // Fewer than eight bits wait for an octet to be full; a code of up to 24 bits fits behind them.
  let waiting = 0;
  let waitingBits = 0;
  for (let index = 0; index < text.length; index++) {
    const symbol = text.charCodeAt(index);
    let code = codes[symbol]!;
    let bits = codeLengths[symbol]!;
    if (bits > 24) {
      // Its first octet by itself.
      bits -= 8;
      waiting = (waiting << 8) | (code >>> bits);
      bytes[next++] = waiting >>> waitingBits;
      code &= (1 << bits) - 1;
    }
    waiting = (waiting << bits) | code;
    waitingBits += bits;
    while (waitingBits >= 8) {
      waitingBits -= 8;
      bytes[next++] = waiting >>> waitingBits;
    }
  }
  if (waitingBits > 0) bytes[next++] = (waiting << (8 - waitingBits)) | (0xff >>> waitingBits);
  return next;
}
