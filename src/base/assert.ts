/** Thrown when an invariant does not hold: a bug in Kvorum or damaged state. The member must stop. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Checks an invariant; stays on in production. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Marks a branch that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable value ${JSON.stringify(value)}`);
}
