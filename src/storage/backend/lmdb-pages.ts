import type { DiskFile } from '../../ports/disk.js';

/** Of a page's head: number (8), transaction (8), padding (2), then these. Places in a page count from behind it. */
const headFields = { page: 0, flags: 18, lower: 20, upper: 22 } as const;
export const pageHeadSizeBytes = 24;
const branchFlag = 0x01;
const leafFlag = 0x02;

/** Of a node: 32 bits of size, or 48 of a page; in a leaf then flags; the size of the key; key; value. */
const nodeFields = { size: 0, pageTop: 4, flags: 4, keySize: 6, key: 8 } as const;
/** The value stands on pages of its own: their first and, behind its transaction, their number. */
const bigFlag = 0x01;
/** The value describes a tree, with its root at this place. */
const treeFlag = 0x02;
const treeRootAt = 40;

const noPage = 2n ** 64n - 1n;
/** No tree of 2^48 pages is as high. */
const heightMax = 48;

interface Page {
  readonly view: DataView;
  readonly isLeaf: boolean;
  /** Places of the nodes. */
  readonly nodes: readonly number[];
}

/** How far to look: at the root of each tree that hangs on the first one, or at every page. */
export type WalkDepth = 'roots' | 'all';

/** The pages of an LMDB file, read without LMDB. */
export class LmdbPages {
  readonly #file: DiskFile;
  readonly #pageSizeBytes: number;
  readonly #count: bigint;

  constructor(file: DiskFile, pageSizeBytes: number, fileSizeBytes: number) {
    this.#file = file;
    this.#pageSizeBytes = pageSizeBytes;
    this.#count = BigInt(Math.floor(fileSizeBytes / pageSizeBytes));
  }

  holds(page: bigint): boolean {
    return page < this.#count;
  }

  /** @returns what is wrong with the tree, and those that hang on it; undefined if nothing is */
  async objectionToTree(root: bigint, depth: WalkDepth): Promise<string | undefined> {
    return root === noPage ? undefined : this.#objectionTo(root, depth, 0);
  }

  async #objectionTo(at: bigint, depth: WalkDepth, height: number): Promise<string | undefined> {
    if (!this.holds(at)) return 'was cut short';
    const page = await this.#read(at);
    if (page === undefined || height > heightMax) return `is damaged at page ${at}`;
    if (page.isLeaf) return this.#objectionToLeaf(page, depth);
    if (depth === 'roots') return undefined;
    for (const node of page.nodes) {
      const objection = await this.#objectionTo(childOf(page.view, node), depth, height + 1);
      if (objection !== undefined) return objection;
    }
    return undefined;
  }

  async #objectionToLeaf({ view, nodes }: Page, depth: WalkDepth): Promise<string | undefined> {
    for (const node of nodes) {
      const flags = view.getUint16(node + nodeFields.flags, true);
      const value = node + nodeFields.key + view.getUint16(node + nodeFields.keySize, true);
      if ((flags & bigFlag) !== 0) {
        const last = view.getBigUint64(value, true) + view.getBigUint64(value + 16, true) - 1n;
        if (!this.holds(last)) return 'was cut short';
      }
      if ((flags & treeFlag) === 0) continue;
      const objection = await this.objectionToTree(view.getBigUint64(value + treeRootAt, true), depth);
      if (objection !== undefined) return objection;
    }
    return undefined;
  }

  /** @returns undefined if it is no page of a tree */
  async #read(at: bigint): Promise<Page | undefined> {
    const bytes = await this.#file.read(Number(at) * this.#pageSizeBytes, this.#pageSizeBytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const kind = view.getUint16(headFields.flags, true) & (branchFlag | leafFlag);
    const lower = pageHeadSizeBytes + view.getUint16(headFields.lower, true);
    const upper = pageHeadSizeBytes + view.getUint16(headFields.upper, true);
    if (view.getBigUint64(headFields.page, true) !== at || (kind !== branchFlag && kind !== leafFlag)) {
      return undefined;
    }
    if (lower > upper || upper > this.#pageSizeBytes) return undefined;
    const isLeaf = kind === leafFlag;
    const nodes: number[] = [];
    for (let place = pageHeadSizeBytes; place < lower; place += 2) {
      const node = pageHeadSizeBytes + view.getUint16(place, true);
      if (node < upper || nodeEnd(view, node, isLeaf) > this.#pageSizeBytes) return undefined;
      nodes.push(node);
    }
    return { view, isLeaf, nodes };
  }
}

function childOf(view: DataView, node: number): bigint {
  const top = BigInt(view.getUint16(node + nodeFields.pageTop, true));
  return (top << 32n) | BigInt(view.getUint32(node + nodeFields.size, true));
}

/** Of what stands in the page itself. */
function nodeEnd(view: DataView, node: number, isLeaf: boolean): number {
  if (node + nodeFields.key > view.byteLength) return Infinity;
  const key = node + nodeFields.key + view.getUint16(node + nodeFields.keySize, true);
  if (!isLeaf) return key;
  const flags = view.getUint16(node + nodeFields.flags, true);
  const bigSizeBytes = 24;
  return key + ((flags & bigFlag) !== 0 ? bigSizeBytes : view.getUint32(node + nodeFields.size, true));
}
