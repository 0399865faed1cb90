/** The versions of the protocol between members that one version of Kvorum speaks. */
export interface ProtocolVersions {
  readonly min: number;
  readonly max: number;
}

/**
 * Two members speak the highest that both know. Raised with each change of what is sent (greetings, frames, messages,
 * snapshots), and `min` kept at or below the one before: 1 and 2 were never published.
 */
export const protocolVersions: ProtocolVersions = { min: 3, max: 4 };

/** From here on an opening says a range. Before, it said the one version that was spoken. */
export const rangesSinceVersion = 3;

/** @returns undefined: they have none in common */
export function commonVersion(one: ProtocolVersions, other: ProtocolVersions): number | undefined {
  const version = Math.min(one.max, other.max);
  return version >= Math.max(one.min, other.min) ? version : undefined;
}

/** The two ends of a connection speak no version that both know. */
export class VersionError extends Error {
  override readonly name = 'VersionError';

  /** @param theirs undefined: it did not say */
  constructor(own: ProtocolVersions, theirs: ProtocolVersions | undefined) {
    const there = theirs === undefined ? 'another version' : versionsText(theirs);
    super(`the other end speaks ${there} of the member protocol, this member ${versionsText(own)}`);
  }
}

function versionsText({ min, max }: ProtocolVersions): string {
  return min === max ? `version ${min}` : `versions ${min} to ${max}`;
}
