import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Behind what one read brings, the next waits at least so long: timers are no finer. */
const pauseMsMin = 5;

/**
 * A link with a bandwidth, as the two ends of its connections see it: each direction of each takes so many bytes in a
 * second. What the kernels on the way hold is held, as by routers.
 */
export class ThrottlingProxy {
  readonly #server: Server;
  readonly #target: { port: number };
  readonly #sockets = new Set<Socket>();
  bytesPerSecond = Infinity;

  private constructor(target: { port: number }) {
    this.#target = target;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Its port is known before that of its target is. */
  static async listen(): Promise<ThrottlingProxy> {
    const proxy = new ThrottlingProxy({ port: 0 });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  leadTo(port: number): void {
    this.#target.port = port;
  }

  #accept(near: Socket): void {
    const far = connect(this.#target.port, '127.0.0.1');
    this.#carry(near, far);
    this.#carry(far, near);
  }

  #carry(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    // Ends with its other half.
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    let dueMs = 0;
    from.on('data', (chunk: Buffer) => {
      to.write(chunk);
      const now = performance.now();
      dueMs = Math.max(dueMs, now - pauseMsMin) + (chunk.length / this.bytesPerSecond) * 1000;
      if (dueMs - now < pauseMsMin) return;
      from.pause();
      setTimeout(() => from.resume(), dueMs - now);
    });
  }

  /** The connections over it end. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
