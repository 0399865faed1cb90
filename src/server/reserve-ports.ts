import { createServer, type Server, type Socket } from 'node:net';
import { KvorumError } from '../base/errors.js';
import { listenBacklogMax } from '../base/listen-backlog.js';
import { areBothEnds } from '../base/self-connection.js';

interface Wanted {
  /** The option that it comes from, for the error. */
  readonly field: string;
  /** 0: any free one. */
  readonly port: number;
}

/** Held at a time by one port; one more is closed at once. */
const heldMax = 256;
/** Whoever says nothing for so long is closed too. */
const silenceTimeoutMs = 5000;
/** A connection that was not accepted for so long ends elsewhere. */
const arrivalTimeoutMs = 1000;

/**
 * A port that this process listens on and does not serve yet. Whoever connects meanwhile is sent away, and goes on to
 * another member: when he has said something, for a connection that is closed before is made anew at once by some clients
 * (Node's fetch), over and over.
 */
export class ReservedPort {
  readonly port: number;
  readonly #server: Server;
  readonly #held: ReadonlySet<Socket>;
  #taken = false;

  private constructor(server: Server, port: number, held: ReadonlySet<Socket>) {
    this.#server = server;
    this.port = port;
    this.#held = held;
  }

  /** @throws KvorumError ADDRESS_UNAVAILABLE */
  static reserve(host: string, { field, port }: Wanted): Promise<ReservedPort> {
    return new Promise((resolve, reject) => {
      const held = new Set<Socket>();
      const server = createServer((socket) => sendAway(socket, held));
      server.maxConnections = heldMax;
      const refuse = (error: NodeJS.ErrnoException): void => {
        const why =
          error.code === 'EADDRINUSE' ? 'is in use' : `cannot be used (${error.code ?? error.message})`;
        reject(
          new KvorumError('ADDRESS_UNAVAILABLE', `${field} ${port} on ${host} ${why}`, { cause: error }),
        );
      };
      server.once('error', refuse);
      server.listen({ port, host, backlog: listenBacklogMax }, () => {
        server.off('error', refuse);
        // Whoever cannot be accepted is sent away too.
        server.on('error', () => {});
        const address = server.address();
        const got = typeof address === 'object' && address !== null ? address.port : port;
        resolve(new ReservedPort(server, got, held));
      });
    });
  }

  /** Whether `socket`, a connection of this process, ends here. What comes here comes at once. */
  endsHere(socket: Socket): Promise<boolean> {
    if ([...this.#held].some((each) => areBothEnds(socket, each))) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (here: boolean): void => {
        clearTimeout(timer);
        this.#server.off('connection', look);
        resolve(here);
      };
      const look = (accepted: Socket): void => {
        if (areBothEnds(socket, accepted)) end(true);
      };
      const timer = setTimeout(() => end(false), arrivalTimeoutMs);
      this.#server.on('connection', look);
    });
  }

  /** For `listen` of the server that serves it: it goes on with this very socket, and closes it at its end. */
  take(): Server {
    this.#taken = true;
    return this.#server;
  }

  /** Gives the port back, unless it was taken. */
  async release(): Promise<void> {
    if (this.#taken) return;
    this.#taken = true;
    for (const socket of this.#held) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function sendAway(socket: Socket, held: Set<Socket>): void {
  held.add(socket);
  const end = (): void => void socket.destroy();
  socket.on('error', end);
  socket.on('close', () => held.delete(socket));
  socket.setTimeout(silenceTimeoutMs, end);
  socket.once('data', end);
}

export interface ReservedPorts {
  readonly grpc: ReservedPort;
  readonly raft: ReservedPort;
}

/**
 * Takes both ports before the cluster is told of them: a start that cannot have them must not leave a member behind.
 *
 * @throws KvorumError ADDRESS_UNAVAILABLE; none is kept then
 */
export async function reservePorts(
  host: string,
  ports: { readonly grpcPort: number; readonly raftPort: number },
): Promise<ReservedPorts> {
  const grpc = await ReservedPort.reserve(host, { field: 'grpcport', port: ports.grpcPort });
  try {
    return {
      grpc,
      raft: await ReservedPort.reserve(host, { field: 'raftport', port: ports.raftPort }),
    };
  } catch (error) {
    await grpc.release();
    throw error;
  }
}

export async function releasePorts({ grpc, raft }: ReservedPorts): Promise<void> {
  await Promise.all([grpc.release(), raft.release()]);
}
