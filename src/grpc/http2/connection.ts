import type { Socket } from 'node:net';
import { HpackEncoder } from '../hpack/encoder.js';
import { ConnectionStreams } from './connection-streams.js';
import { ConnectionWatch } from './connection-watch.js';
import * as control from './control-frames.js';
import type { ConnectionEnvironment } from './environment.js';
import { FloodGuard } from './flood-guard.js';
import { FrameParser } from './frame-parser.js';
import { Output } from './output.js';
import { ConnectionError, errorCode, frameSizeBytesDefault, settingId, streamIdMax } from './protocol.js';
import { Receiver, type ReceiverConnection } from './receiver.js';
import { RequestBlocks } from './request-blocks.js';
import { ResponseBlocks } from './response-blocks.js';
import { encodeSettings } from './settings.js';
import type { TurnTask } from './turns.js';

/** Work that one connection may do before the others have their turn: about 450 small requests. */
const workPerTurn = 4096;

/** HPACK's table for what we send: a handful of fields that every response has. */
const responseTableSizeBytesMax = 4096;

const drainPing = Buffer.from('draining', 'latin1');

type State = 'open' | 'draining' | 'refusing' | 'ending' | 'closed';

/**
 * One HTTP/2 connection, from behind the client's preface to the end. Takes chunks in, a bounded part of them
 * each turn, and writes once a turn what the turn brought about.
 */
export class Connection implements ReceiverConnection, TurnTask {
  readonly #environment: ConnectionEnvironment;
  readonly #socket: Socket;
  readonly #output: Output;
  readonly #streams: ConnectionStreams;
  readonly #requests: RequestBlocks;
  readonly #parser = new FrameParser(frameSizeBytesDefault);
  readonly #receiver: Receiver;
  readonly #watch: ConnectionWatch;
  #nowMs = performance.now();
  #state: State = 'open';
  #scheduled = false;
  /** A chunk is not done with: the socket is paused, the next turn goes on. */
  #deferred = false;

  constructor(socket: Socket, environment: ConnectionEnvironment) {
    const { limits, application } = environment;
    this.#environment = environment;
    this.#socket = socket;
    this.#output = new Output(socket, environment.buffers, this);
    const hpack = new HpackEncoder({ dynamicTableSizeBytesMax: responseTableSizeBytesMax });
    const responses = new ResponseBlocks(hpack);
    this.#requests = new RequestBlocks(limits, application);
    const guard = new FloodGuard(limits, this.#nowMs);
    const shared = { limits, responses, guard, output: this.#output, connection: this };
    this.#streams = new ConnectionStreams({ ...shared, memory: environment.memory });
    this.#receiver = new Receiver({ ...shared, streams: this.#streams, requests: this.#requests });
    this.#receiver.workLeft = workPerTurn;
    this.#watch = new ConnectionWatch({ ...shared, streams: this.#streams });
    this.#greet();
    socket.on('data', this.#onData);
    socket.on('close', () => this.#closed());
    // A client that ends its side awaits nothing any more.
    socket.on('end', () => socket.destroy());
  }

  #greet(): void {
    const { limits } = this.#environment;
    const settings = encodeSettings([
      [settingId.headerTableSize, limits.headerTableSizeBytesMax],
      [settingId.maxConcurrentStreams, limits.streamsPerConnectionMax],
      [settingId.initialWindowSize, limits.streamWindowBytes],
      [settingId.maxHeaderListSize, limits.headerListSizeBytesMax],
    ]);
    control.writeSettings(this.#output, settings);
    this.#streams.windows.open();
    this.wrote();
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get refusing(): boolean {
    return this.#state !== 'open' && this.#state !== 'draining';
  }

  get heldBytes(): number {
    return this.#streams.heldBytes;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  // Taking in

  /** Takes bytes that were read before the connection was made. */
  feed(chunk: Buffer): void {
    this.#onData(chunk);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#state === 'ending' || this.#state === 'closed') return;
    this.#nowMs = performance.now();
    this.#parser.push(chunk);
    this.#run();
    this.wrote();
  };

  /** @returns whether the chunk is done with */
  #run(): boolean {
    const done = this.#guarded(() => {
      const all = this.#parser.run(this.#receiver);
      this.#watch.ran(this.#nowMs, this.#parser.midFrame || this.#receiver.midBlock, this.#receiver.frames);
      return all;
    });
    if (done === this.#deferred) {
      this.#deferred = !done;
      if (done) this.#socket.resume();
      else this.#socket.pause();
    }
    return done;
  }

  /** @returns what the action does; true if it failed, and with it the connection */
  #guarded(action: () => boolean): boolean {
    try {
      return action();
    } catch (error) {
      if (error instanceof ConnectionError) this.#fault(error);
      else {
        this.#environment.log.error({ err: error }, 'a connection failed for a reason that is a bug');
        this.#fault(new ConnectionError(errorCode.internalError, 'internal error'));
      }
      return true;
    }
  }

  // Turns

  wrote(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#environment.turns.schedule(this);
  }

  turn(): void {
    this.#scheduled = false;
    if (this.#state === 'closed') return;
    this.#nowMs = performance.now();
    this.#receiver.workLeft = workPerTurn;
    if (this.#deferred && this.#state !== 'ending' && !this.#run()) this.wrote();
    this.#streams.sender.pump();
    this.#output.flush();
    if (this.#output.pendingBytes > this.#environment.limits.outputBytesMax && this.#state !== 'ending') {
      this.#fault(new ConnectionError(errorCode.enhanceYourCalm, 'answers are not read (outputBytesMax)'));
    }
  }

  /** Checks what takes too long. To be called about once a second. */
  sweep(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#state === 'closed') return;
    if (this.#state === 'ending') {
      if (this.#watch.lingeredTooLong()) this.#socket.destroy();
      return;
    }
    this.#guarded(() => {
      this.#watch.check();
      return true;
    });
  }

  // What the peer says about the connection

  settingsReceived(): void {
    this.#watch.greeted = true;
    control.writeSettingsAck(this.#output);
  }

  settingsAcknowledged(): void {
    this.#watch.settingsAcknowledged = true;
    this.#requests.settingsAcknowledged();
  }

  pinged(payload: Buffer): void {
    control.writePing(this.#output, payload, true);
  }

  pingAcknowledged(payload: Buffer): void {
    if (this.#state === 'draining' && payload.equals(drainPing)) this.refuse();
  }

  ping(payload: Uint8Array): void {
    control.writePing(this.#output, payload, false);
    this.wrote();
  }

  /** The last stream is gone. */
  emptied(): void {
    this.#watch.idle(this.#nowMs);
    if (this.#state === 'refusing') this.#end();
  }

  goAwayReceived(): void {
    this.refuse();
  }

  // The end

  /**
   * Takes no new calls, and ends when the last one has ended. In two steps, so that calls that are on their way
   * are still served (section 6.8).
   */
  drain(): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    this.#watch.draining(this.#nowMs);
    if (!this.#watch.greeted) {
      this.refuse();
      return;
    }
    control.writeGoAway(this.#output, streamIdMax, errorCode.noError, '');
    this.ping(drainPing);
  }

  /** Ends the calls that have no end of their own. */
  stopStreams(): void {
    this.#streams.stopAll();
  }

  /** The second step: what is opened from now on is not served. */
  refuse(): void {
    if (this.refusing) return;
    this.#state = 'refusing';
    this.#watch.draining(this.#nowMs);
    control.writeGoAway(this.#output, this.#streams.table.lastId, errorCode.noError, '');
    this.wrote();
    if (this.#streams.table.open === 0) this.#end();
  }

  /** Ends the connection because others need the memory. */
  evict(): void {
    this.#fault(new ConnectionError(errorCode.enhanceYourCalm, 'too much is waiting here (memoryBytesMax)'));
  }

  /** Cuts the connection off. */
  destroy(): void {
    this.#socket.destroy();
  }

  #fault(error: ConnectionError): void {
    if (this.#state === 'ending' || this.#state === 'closed') return;
    this.#environment.faulted(this, error);
    control.writeGoAway(this.#output, this.#streams.table.lastId, error.code, error.message);
    this.#end();
  }

  /** Sends what is written, and goes on to read for a while so that the peer gets to see it. */
  #end(): void {
    this.#state = 'ending';
    this.#watch.ending(this.#nowMs);
    this.#streams.abortAll();
    this.#output.flush();
    this.#socket.end();
    this.#socket.resume();
  }

  #closed(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#streams.abortAll();
    this.#environment.closed(this);
  }
}
