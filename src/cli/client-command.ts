import { KvorumError } from '../base/errors.js';
import type { ClientAction, Command, Invocation } from './command.js';
import { CommandError, exitCodeOf } from './exit-codes.js';
import type { FlagSpec } from './flags.js';
import { parseServerList } from './server-list.js';

export const clientFlags: readonly FlagSpec[] = [
  {
    name: 'server',
    kind: 'text',
    default: 'localhost:50051',
    environment: 'KVORUM_ENDPOINTS',
    value: 'HOST:PORT,...',
    summary: 'client addresses of one or more members; not given: those in KVORUM_ENDPOINTS',
    check: parseServerList,
  },
  {
    name: 'timeout',
    kind: 'number',
    default: '5000',
    value: 'MS',
    summary: 'milliseconds that a request may take in all',
    min: 1,
    max: 2 ** 31 - 1,
  },
];

export const jsonFlag: FlagSpec = {
  name: 'json',
  kind: 'boolean',
  default: 'false',
  summary: 'answer in JSON, for programs',
};

export const serializableFlag: FlagSpec = {
  name: 'serializable',
  kind: 'boolean',
  default: 'false',
  summary: "take the member's own state: maybe old, works without a quorum",
};

/** People do not wait for a server that is not there: refused connections end this within half a second. */
const connectTriesMax = 4;

interface ClientCommand extends Omit<Command, 'run'> {
  /** Loads the code. */
  readonly load: () => Promise<ClientAction>;
}

/** A read can do without a leader. @returns what to throw in place of `error` */
function withoutLeader(error: unknown, { io }: Invocation): unknown {
  if (!(error instanceof KvorumError) || error.code !== 'NO_LEADER') return error;
  const hint = `(see ${io.program} status; -serializable reads without a majority)`;
  return new CommandError(exitCodeOf(error), `${error.message} ${hint}`);
}

/** A command with the client's flags, and a client that is closed when it ends. */
export function clientCommand({ load, ...command }: ClientCommand): Command {
  const isRead = command.flags.includes(serializableFlag);
  return {
    ...command,
    flags: [...clientFlags, ...command.flags],
    run: async (invocation) => {
      const { flags } = invocation;
      const [{ connect }, action] = await Promise.all([import('../client/index.js'), load()]);
      const client = connect({
        endpoints: parseServerList(flags.text('server')),
        timeoutMs: flags.number('timeout'),
        connectTriesMax,
      });
      try {
        return await action(client, invocation);
      } catch (error) {
        throw isRead ? withoutLeader(error, invocation) : error;
      } finally {
        client.close();
      }
    },
  };
}
