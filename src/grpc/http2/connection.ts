import type { Socket } from 'node:net';
import { HpackEncoder } from '../hpack/encoder.js';
import { ConnectionStreams } from './connection-streams.js';
import { ConnectionWatch } from './connection-watch.js';
import * as control from './control-frames.js';
import type { ConnectionEnvironment } from './environment.js';
import { FloodGuard } from './flood-guard.js';
import { FrameParser } from './frame-parser.js';
import { MemoryAccount, type MemoryHolder } from './memory-budget.js';
import { Output } from './output.js';
import { ConnectionError, errorCode, frameSizeBytesDefault, settingId, streamIdMax } from './protocol.js';
import type { ControlConnection } from './control-receiver.js';
import { Receiver } from './receiver.js';
import { RequestBlocks } from './request-blocks.js';
import { ResponseBlocks } from './response-blocks.js';
import type { Share } from './share.js';
import { encodeSettings } from './settings.js';
import type { PinnedChunk } from './stream.js';
import type { Reader, TurnTask } from './turns.js';
import { WaitingInput } from './waiting-input.js';

/** Work that one connection may do before the others have their turn: about 450 small requests. */
const workPerTurn = 4096;

/** HPACK's table for what we send: a handful of fields that every response has. */
const responseTableSizeBytesMax = 4096;

const drainPing = Buffer.from('draining', 'latin1');

/** Sent again and again where the peer has ended its side: only a write tells whether it has gone for good. */
const halfClosedPing = Buffer.from('and now?', 'latin1');

type State = 'open' | 'draining' | 'refusing' | 'ending' | 'closed';

/**
 * One HTTP/2 connection, from behind the client's preface to the end. Takes chunks in, a bounded part of them
 * each turn, and writes once a turn what the turn brought about.
 */
export class Connection implements ControlConnection, TurnTask, Reader, MemoryHolder {
  readonly #environment: ConnectionEnvironment;
  readonly #socket: Socket;
  readonly #output: Output;
  readonly #streams: ConnectionStreams;
  readonly #share: Share;
  readonly #requests: RequestBlocks;
  readonly #parser = new FrameParser(frameSizeBytesDefault);
  readonly #receiver: Receiver;
  readonly #watch: ConnectionWatch;
  readonly memory: MemoryAccount;
  /** Of it, for what has not come whole, and for streams that are remembered. */
  #partHeldBytes = 0;
  #nowMs = performance.now();
  #state: State = 'open';
  #scheduled = false;
  /** The chunk that is not done with: a later turn goes on. */
  #deferred: PinnedChunk | undefined;
  /** What was read behind it. */
  readonly #waiting: WaitingInput;
  /** Nothing is read any more until that is taken in. */
  #paused = false;
  /** The turn for which `workLeft` counts. */
  #workTurn = -1;
  /** The client sends nothing any more. */
  #inputEnded = false;
  /** The server stops, and not all streams know. */
  #stopping = false;

  constructor(socket: Socket, environment: ConnectionEnvironment, share: Share) {
    const { limits, application } = environment;
    this.#environment = environment;
    this.#socket = socket;
    this.#share = share;
    this.memory = new MemoryAccount(environment.memory, this);
    this.#waiting = new WaitingInput(environment.inputAhead, share, this.memory);
    this.#output = new Output(socket, environment.buffers, this);
    const hpack = new HpackEncoder({ dynamicTableSizeBytesMax: responseTableSizeBytesMax });
    const responses = new ResponseBlocks(hpack);
    this.#requests = new RequestBlocks(limits, application);
    const guard = new FloodGuard(limits, this.#nowMs);
    const shared = { limits, responses, guard, output: this.#output, connection: this };
    this.#streams = new ConnectionStreams({
      ...shared,
      memory: this.memory,
      answers: environment.answers,
      share,
    });
    this.#receiver = new Receiver({ ...shared, streams: this.#streams, requests: this.#requests });
    this.#watch = new ConnectionWatch({ ...shared, streams: this.#streams });
    this.#greet();
    socket.on('data', this.#onData);
    socket.on('close', () => {
      this.#state = 'closed';
      this.memory.end();
      this.#streams.answers.clear();
      this.wrote();
    });
    socket.on('end', () => {
      this.#inputEnded = true;
      if (this.#deferred !== undefined) return;
      // Thousands may end at one moment.
      if (environment.turns.mayTakeIn()) this.#endOfInput();
      else environment.turns.defer(share, this);
    });
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

  get #refusing(): boolean {
    return this.#state !== 'open' && this.#state !== 'draining';
  }

  /** Or within a header block. */
  get #midFrame(): boolean {
    return this.#parser.midFrame || this.#receiver.midBlock;
  }

  get #over(): boolean {
    return this.#state === 'ending' || this.#state === 'closed';
  }

  hold(sizeBytes: number): void {
    this.memory.hold(sizeBytes);
  }

  stalledMs(nowMs: number): number {
    return this.#watch.stalledMs(nowMs);
  }

  /** Since when no call is open; Infinity while one is. */
  get idleSinceMs(): number {
    return this.#streams.table.open === 0 ? this.#watch.idleSinceMs : Infinity;
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
    if (this.#over) {
      if (this.#watch.lingered(chunk.length)) this.#socket.destroy();
      return;
    }
    this.#nowMs = performance.now();
    if (this.#deferred !== undefined) {
      if (!this.#waiting.push(chunk)) this.#pause();
      return;
    }
    this.#begin(chunk);
    if (!this.#environment.turns.mayTakeIn() || !this.#run()) this.#defer(chunk);
    this.wrote();
  };

  #begin(chunk: Buffer): void {
    this.#parser.push(chunk);
    this.#streams.reading(chunk);
  }

  #pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  /** @returns whether the chunk is done with */
  #run(): boolean {
    const { count } = this.#environment.turns;
    if (count !== this.#workTurn) {
      this.#workTurn = count;
      this.#receiver.workLeft = workPerTurn;
    }
    const all = this.#guarded(() => {
      const ran = this.#parser.run(this.#receiver);
      this.#watch.ran(this.#nowMs, this.#midFrame, this.#receiver.frames);
      return ran;
    });
    const done = all || this.#over;
    if (done) this.#streams.reading(undefined);
    this.#holdParts();
    return done;
  }

  #defer(chunk: Buffer): void {
    // What waits in the parser counts as held.
    this.#deferred = this.#streams.pin(chunk);
    this.#environment.turns.defer(this.#share, this);
  }

  /** Goes on with the chunk that was deferred and those behind it, or with the end of the input. */
  takeIn(): void {
    if (this.#over) return;
    this.#nowMs = performance.now();
    if (!this.#run()) this.#environment.turns.defer(this.#share, this);
    else if (this.#takeInWaiting()) this.#tookAllIn();
    this.wrote();
  }

  /** @returns whether all are done with */
  #takeInWaiting(): boolean {
    this.#unpinDeferred();
    for (let chunk = this.#waiting.shift(); chunk !== undefined; chunk = this.#waiting.shift()) {
      this.#begin(chunk);
      if (this.#run()) continue;
      this.#defer(chunk);
      return false;
    }
    return true;
  }

  #tookAllIn(): void {
    if (this.#paused) {
      this.#paused = false;
      this.#socket.resume();
    }
    if (this.#inputEnded) this.#endOfInput();
  }

  #unpinDeferred(): void {
    if (this.#deferred === undefined) return;
    this.#streams.unpin(this.#deferred);
    this.#deferred = undefined;
  }

  #holdParts(): void {
    const heldBytes = this.#parser.heldBytes + this.#receiver.heldBytes + this.#streams.table.heldBytes;
    if (heldBytes === this.#partHeldBytes) return;
    this.memory.hold(heldBytes - this.#partHeldBytes);
    this.#partHeldBytes = heldBytes;
  }

  /** @returns what the action does; true if it failed, and with it the connection */
  #guarded(action: () => boolean): boolean {
    try {
      return action();
    } catch (error) {
      if (error instanceof ConnectionError) this.#fault(error);
      else this.failed(error);
      return true;
    }
  }

  /** Something threw what it never should. Whatever it was, this connection ends, and no other. */
  failed(error: unknown): void {
    this.#environment.log.error({ err: error }, 'a connection failed for a reason that is a bug');
    if (this.#over) this.#socket.destroy();
    else this.#fault(new ConnectionError(errorCode.internalError, 'internal error'));
  }

  /**
   * The client has ended its side. What it has asked for is still answered; what it had begun to ask for is not. Most
   * often it is gone altogether, which the next writes show. One that ends within a frame has broken off.
   */
  #endOfInput(): void {
    if (this.#over) return;
    if (this.#midFrame) {
      this.destroy();
      return;
    }
    this.#guarded(() => {
      this.#streams.abortUnfinished();
      this.refuse();
      return true;
    });
  }

  // Turns

  wrote(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#environment.turns.schedule(this);
  }

  turn(): void {
    this.#scheduled = false;
    if (this.#over) {
      this.#letGo();
      return;
    }
    this.#nowMs = performance.now();
    if (this.#stopping) {
      this.#stopping = this.#streams.stopSome();
      if (this.#stopping) this.wrote();
    }
    this.#streams.sender.pump();
    this.#output.flush();
    this.#streams.account();
    if (this.#output.pendingBytes > this.#environment.limits.outputBytesMax) {
      this.#fault(new ConnectionError(errorCode.enhanceYourCalm, 'answers are not read (outputBytesMax)'));
    }
  }

  /** Checks what takes too long. To be called about once a second. */
  sweep(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#state === 'closed') return;
    this.#guarded(() => {
      if (this.#state === 'ending') {
        if (this.#watch.lingeredTooLong()) this.#socket.destroy();
        return true;
      }
      if (this.#inputEnded) this.ping(halfClosedPing);
      this.#watch.check();
      this.#holdParts();
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
    this.#stopping = true;
    this.wrote();
  }

  /** The second step: what is opened from now on is not served. */
  refuse(): void {
    if (this.#refusing) return;
    this.#state = 'refusing';
    this.#receiver.lastServedId = this.#streams.table.lastId;
    this.#watch.draining(this.#nowMs);
    control.writeGoAway(this.#output, this.#streams.table.lastId, errorCode.noError, '');
    this.wrote();
    if (this.#streams.table.open === 0) this.#end();
  }

  /** Ends the connection because others need the memory. */
  evict(): void {
    this.#fault(new ConnectionError(errorCode.enhanceYourCalm, 'too much is waiting here (memoryBytesMax)'));
    // Who does not read would not read why, and what waits for him is what others need.
    if (this.#socket.writableLength > 0) this.#socket.destroy();
  }

  /** Ends an idle connection because another client needs its place: at once, for the place must be free. */
  giveWay(): void {
    this.#fault(new ConnectionError(errorCode.noError, 'others need the place (connectionsMax)'));
    this.#socket.destroySoon();
  }

  /** Cuts the connection off. */
  destroy(): void {
    this.#socket.destroy();
  }

  #fault(error: ConnectionError): void {
    if (this.#over) return;
    try {
      this.#environment.faulted(this, error);
      this.#end(error);
    } catch (bug) {
      this.#environment.log.error({ err: bug }, 'a connection could not be ended for a reason that is a bug');
      this.#socket.destroy();
    }
  }

  /** Sends what is written, and goes on to read for a while so that the peer gets to see it. */
  #end(why?: ConnectionError): void {
    this.#state = 'ending';
    this.memory.end();
    // Nothing of what is left of this chunk counts any more.
    this.#receiver.workLeft = -Infinity;
    this.#waiting.clear();
    this.#streams.answers.clear();
    this.#watch.ending(this.#nowMs, why === undefined);
    if (why !== undefined) {
      control.writeGoAway(this.#output, this.#streams.table.lastId, why.code, why.message);
    }
    this.#output.end();
    this.#socket.resume();
    this.wrote();
  }

  /** Hundreds of connections may end at one moment, with thousands of streams each: not all can be let go in one turn. */
  #letGo(): void {
    const isClosed = this.#state === 'closed';
    if (isClosed) this.#output.close();
    this.#streams.abortAll();
    // Dropped: what aborted streams wrote, and what was answered since the end.
    this.#output.flush();
    this.#unpinDeferred();
    this.#waiting.clear();
    this.#parser.clear();
    this.#receiver.clear();
    this.#streams.table.forgetEnded();
    this.#holdParts();
    this.#streams.account();
    if (isClosed) this.#environment.closed(this);
  }
}
