/** A header block that breaks RFC 7541. The tables of both sides may differ now: the connection must end. */
export class HpackError extends Error {
  override readonly name = 'HpackError';
}
