import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import { GrpcServer } from '../../src/grpc/index.js';

/**
 * Serves one unary method, `bench.Echo/Echo`, that answers with what it was sent. The argument names the
 * server, `ours` or `grpc-js`; the port is printed.
 */
const path = '/bench.Echo/Echo';

async function serveOurs(): Promise<number> {
  const server = new GrpcServer({
    services: [
      { name: 'bench.Echo', methods: [{ kind: 'unary', name: 'Echo', call: (request) => request }] },
    ],
  });
  return server.listen('127.0.0.1', 0);
}

function serveGrpcJs(): Promise<number> {
  const server = new Server({ 'grpc.enable_channelz': 0 });
  const answer: handleUnaryCall<Buffer, Buffer> = (call, respond) => respond(null, call.request);
  const same = (bytes: Buffer): Buffer => bytes;
  server.register(path, answer, same, same, 'unary');
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

const port = process.argv[2] === 'ours' ? await serveOurs() : await serveGrpcJs();
process.stdout.write(`${port}\n`);
