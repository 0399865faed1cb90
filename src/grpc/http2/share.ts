/** What one client has of the server, over all of its connections. */
export interface Share {
  /** The client's address. */
  readonly client: string;
  readonly connectionCount: number;
  /** Handlers at work. */
  unary: number;
  streaming: number;
  /** Bytes of its input that were read ahead. */
  aheadBytes: number;
}
