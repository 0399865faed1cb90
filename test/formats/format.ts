/** One piece of a format: how today's code writes it, what it means, and how today's code reads it. */
export interface Format {
  /** `kind of thing`, unique; never changed once it is written down. */
  readonly name: string;
  /** The first feature level that has it. */
  readonly level: number;
  /** Today's code writes another format for this: only reading is looked at. */
  readonly superseded?: true;
  readonly write: () => Uint8Array;
  readonly read: (bytes: Uint8Array) => unknown;
  /** What reading must give, whichever version wrote the bytes. */
  readonly value: unknown;
}

/** With fields compared by what they are: Buffer and Uint8Array of the same bytes are one. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `hex ${Buffer.from(value).toString('hex')}`;
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}
