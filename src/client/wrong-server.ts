/** What listens at an endpoint serves no clients of Kvorum, and trying again will not change that. */
export class WrongServerError extends Error {
  override readonly name = 'WrongServerError';
  readonly endpoint: string;

  /** @param message what it is */
  constructor(endpoint: string, message: string) {
    super(message);
    this.endpoint = endpoint;
  }
}

/** Those that an error of the client came of. */
export function wrongServers(error: unknown): readonly WrongServerError[] {
  if (error instanceof WrongServerError) return [error];
  if (error instanceof AggregateError) return error.errors.flatMap(wrongServers);
  return error instanceof Error && error.cause !== undefined ? wrongServers(error.cause) : [];
}
