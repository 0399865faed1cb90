import { Client, credentials, type ClientReadableStream } from '@grpc/grpc-js';
import { HealthCheckRequest } from '../../../src/generated/grpc/health/v1/health.js';

const toBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
const identity = (bytes: Buffer): Buffer => bytes;
const everything = HealthCheckRequest.encode({ service: '' }).finish();

/** SERVING, field 1 of HealthCheckResponse. */
const serving = Buffer.of(0x08, 0x01);

/** What a load balancer does: one check, and the first word of a watch, on a connection of its own. */
export async function watchHealth(endpoint: string, timeoutMs: number): Promise<void> {
  const client = new Client(endpoint, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const deadline = Date.now() + timeoutMs;
  try {
    const checked = await new Promise<Buffer>((resolve, reject) => {
      const path = '/grpc.health.v1.Health/Check';
      client.makeUnaryRequest(path, toBuffer, identity, everything, { deadline }, (error, answer) => {
        if (error === null) resolve(answer!);
        else reject(error);
      });
    });
    const path = '/grpc.health.v1.Health/Watch';
    const watch = client.makeServerStreamRequest(path, toBuffer, identity, everything, { deadline });
    const seen = await firstMessage(watch);
    watch.on('error', () => {
      // It is called off here.
    });
    watch.cancel();
    if (!checked.equals(serving) || !seen.equals(serving)) throw new Error('health is not SERVING');
  } finally {
    client.close();
  }
}

function firstMessage(stream: ClientReadableStream<Buffer>): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    stream.once('data', resolve).once('error', reject);
    stream.once('end', () => reject(new Error('a watch of health ended')));
  });
}
