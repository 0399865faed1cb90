import { KvorumError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import type { RaftMember } from '../member/raft-member.js';
import type { Clock, Timer } from '../ports/clock.js';

/** Between two lines that say what a member waits for. */
const tellIntervalMs = 10_000;

interface Options {
  readonly clock: Clock;
  readonly log: Log;
  /** Ends the wait: it rejects with MEMBER_STOPPING. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Waits until the cluster's state has reached a new member for the first time: before, it knows nothing, and serves
 * nobody. That takes as long as it takes: one that gave up would begin again, and never have a large state.
 */
export function firstState(
  member: Pick<RaftMember, 'holdsOwnRecord' | 'missing' | 'onChange' | 'stopped'>,
  { clock, log, signal }: Options,
): Promise<void> {
  if (member.holdsOwnRecord()) return Promise.resolve();
  return new Promise((resolve, reject) => {
    let timer: Timer | undefined;
    const end = (error?: Error): void => {
      timer?.cancel();
      ignore();
      signal?.removeEventListener('abort', stop);
      if (error === undefined) resolve();
      else reject(error);
    };
    const tellLater = (): void => {
      timer = clock.setTimer(tellIntervalMs, () => {
        const { missing } = member;
        if (missing !== undefined) log.warn({ reason: missing }, 'not up yet: the state has yet to come');
        tellLater();
      });
    };
    const ignore = member.onChange(() => {
      if (member.holdsOwnRecord()) end();
    });
    const stop = (): void => end(new KvorumError('MEMBER_STOPPING', 'asked to stop before it was up'));
    tellLater();
    signal?.addEventListener('abort', stop);
    if (signal?.aborted === true) stop();
    void member.stopped.then((reason) => {
      if (reason.kind === 'failed') end(reason.error);
      else if (reason.kind === 'removed') end(new KvorumError('MEMBER_REMOVED', reason.message));
      else end(new KvorumError('MEMBER_STOPPING', 'stopped'));
    });
  });
}
