import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Attack } from './attack.js';
import type { Attacker } from './attacker.js';

/** Writes `flood` on `count` connections as fast as it is taken, and makes those anew that are closed. */
async function pourHttp1(attacker: Attacker, count: number, begin: string, flood: string): Promise<void> {
  await attacker.repeat(count, async () => {
    const socket = await attacker.dial('grpc');
    if (socket === undefined) return;
    socket.resume().write(begin);
    while (!attacker.isOver && socket.writable) {
      if (socket.write(flood)) {
        await nextTurn();
        continue;
      }
      await new Promise<void>((resolve) => {
        const goOn = (): void => {
          socket.off('drain', goOn).off('close', goOn);
          resolve();
        };
        socket.on('drain', goOn).on('close', goOn);
      });
    }
    socket.destroy();
  });
}

const request = 'GET /metrics HTTP/1.1\r\nhost: kvorum\r\n\r\n';

/** A header line now and then, on connections enough for a small server's all. */
async function slowHeaders(attacker: Attacker): Promise<void> {
  await attacker.repeat(200, async (at) => {
    const socket = await attacker.dial('grpc');
    socket?.resume().write('GET /metrics HTTP/1.1\r\n');
    while (!attacker.isOver && socket?.writable === true) {
      socket.write(`x-slow-${at}: y\r\n`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
}

/** Answers that nobody reads. */
async function unreadHttp1(attacker: Attacker): Promise<void> {
  await attacker.repeat(100, async () => {
    const socket = await attacker.dial('grpc');
    socket?.pause().write(request.repeat(2000));
    await attacker.untilOver();
  });
}

export const http1Attacks: readonly Attack[] = [
  { name: 'http1-slow-headers', does: 'sends HTTP/1.1 headers slowly on 200 connections', run: slowHeaders },
  {
    name: 'http1-pipelined',
    does: 'floods with GET /metrics over HTTP/1.1, pipelined',
    run: (attacker) => pourHttp1(attacker, 8, '', request.repeat(100)),
  },
  {
    name: 'http1-unread',
    does: 'asks for /metrics over HTTP/1.1 200,000 times and reads nothing',
    run: unreadHttp1,
  },
  {
    name: 'http1-huge-headers',
    does: 'sends HTTP/1.1 headers without an end',
    run: (attacker) => pourHttp1(attacker, 8, 'GET / HTTP/1.1\r\n', 'x-long: '.concat('y'.repeat(60_000))),
  },
];
