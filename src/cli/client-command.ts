import { connect } from '../client/index.js';
import { parseEndpoints } from '../client/options.js';
import type { ClientAction, Command } from './command.js';
import type { FlagSpec } from './flags.js';

export const clientFlags: readonly FlagSpec[] = [
  {
    name: 'server',
    kind: 'text',
    default: 'localhost:50051',
    value: 'HOST:PORT,...',
    summary: 'client addresses of one or more members',
    check: parseEndpoints,
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

/** People do not wait for a server that is not there: refused connections end this within half a second. */
const connectTriesMax = 4;

type ClientCommand = Omit<Command, 'run'> & { readonly run: ClientAction };

/** A command with the client's flags, and a client that is closed when it ends. */
export function clientCommand(command: ClientCommand): Command {
  return {
    ...command,
    flags: [...clientFlags, ...command.flags],
    run: async (invocation) => {
      const { flags } = invocation;
      const client = connect({
        endpoints: flags.text('server'),
        timeoutMs: flags.number('timeout'),
        connectTriesMax,
      });
      try {
        return await command.run(client, invocation);
      } finally {
        client.close();
      }
    },
  };
}
