import { KvorumError } from './base/errors.js';
import type { ClusterId, MemberId } from './base/ids.js';
import type { Log } from './base/log.js';
import { connect } from './client/index.js';
import type { MemberRecord } from './fsm/membership.js';

interface JoinOptions {
  readonly endpoints: readonly string[];
  readonly name: string;
  readonly raftAddress: string;
  readonly memberId: MemberId;
  readonly timeoutMs: number;
  readonly log: Log;
}

interface Joined {
  readonly clusterId: ClusterId;
  readonly members: readonly MemberRecord[];
}

const attemptTimeoutMs = 5000;
const pauseMs = 500;

/** Asks the members at `endpoints` in turn to be let in, until one answers or `timeoutMs` is over. */
export async function joinCluster(options: JoinOptions): Promise<Joined> {
  const deadline = Date.now() + options.timeoutMs;
  const client = connect({ endpoints: options.endpoints, timeoutMs: attemptTimeoutMs });
  try {
    for (;;) {
      try {
        const answer = await client.join({
          name: options.name,
          raftAddress: options.raftAddress,
          id: options.memberId,
        });
        const members = answer.members.map((each) => ({
          id: each.id,
          name: each.name,
          peerAddress: each.raftAddress,
          clientAddress: each.clientAddress,
          promoteWhenReady: false,
        }));
        return { clusterId: answer.clusterId, members };
      } catch (error) {
        if (!(error instanceof KvorumError) || !mayPass(error) || Date.now() + pauseMs > deadline)
          throw error;
        options.log.warn({ through: options.endpoints.join(','), reason: error.message }, 'joining again');
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  } finally {
    client.close();
  }
}

/** Joining twice with one id is harmless, so an unknown outcome may be asked again too. */
function mayPass(error: KvorumError): boolean {
  return ['UNAVAILABLE', 'UNKNOWN', 'DEADLINE_EXCEEDED'].includes(error.grpcStatus);
}
