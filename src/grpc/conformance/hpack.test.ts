import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connectionErrors } from '../testing/cases.js';
import { echoServer, grpcFields, paths } from '../testing/echo-server.js';
import { END_HEADERS, END_STREAM, grpcMessage } from '../testing/frames.js';
import { RawClient } from '../testing/raw-client.js';

const server = echoServer();

/** A right request, with `hex` in front of it or behind it in the same block. */
function block(client: RawClient, where: 'before' | 'behind', hex: string): void {
  const more = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const fields = client.block(grpcFields(paths.unary));
  const parts = where === 'before' ? [more, fields] : [fields, more];
  client.frame('HEADERS', END_HEADERS, 1, Buffer.concat(parts));
}
const behind = (hex: string) => (client: RawClient) => block(client, 'behind', hex);
const before = (hex: string) => (client: RawClient) => block(client, 'before', hex);

describe('RFC 7541, as far as a connection shows it', () => {
  connectionErrors(server, 'COMPRESSION_ERROR', {
    '2.3.3: an index beyond both tables': behind('be'),
    '2.3.3: the name of a literal with indexing beyond both tables': behind('7f00 01 61'),
    '2.3.3: the name of a literal without indexing beyond both tables': behind('0f2f 01 61'),
    '2.3.3: the name of a literal never indexed beyond both tables': behind('1f2f 01 61'),
    '4.2: a size update behind a field': behind('20'),
    '4.2: a size update behind a field of this block, before others': before('82 3fe11f'),
    '5.1: an integer without end': behind('ff ffffffffffffffffff'),
    '5.1: an integer that overflows 32 bits': behind('ff 80808080 10'),
    '5.2: a string longer than the block': behind('00 0161 7f ff7f'),
    '5.2: a Huffman string with more than seven bits of padding': behind('00 85f2b24a84ff 8449509fff'),
    '5.2: a Huffman string padded with zeros': behind('00 85f2b24a8700 83495090'),
    '5.2: a Huffman string with EOS': behind('00 85f2b24a84ff 8587ffffffff'),
    '6.1: index 0': behind('80'),
    '6.2.1: a literal with indexing, cut off': behind('40 0161'),
    '6.2.2: a literal without indexing, cut off': behind('00 0161'),
    '6.2.3: a literal never indexed, cut off': behind('10 0161'),
    '6.3: a size update above the setting': before('3fffffff07'),
  });

  const representations: Record<string, string> = {
    '6.1: indexed': '8f',
    '6.2.1: with indexing, indexed name': '50 0161',
    '6.2.1: with indexing, indexed name, Huffman': '50 811f',
    '6.2.1: with indexing, new name': '40 0178 0179',
    '6.2.1: with indexing, new name, Huffman': '40 81f3 81f5',
    '6.2.2: without indexing, indexed name': '0f01 0161',
    '6.2.2: without indexing, new name': '00 0178 0179',
    '6.2.2: without indexing, new name, Huffman': '00 81f3 81f5',
    '6.2.3: never indexed, indexed name': '1f01 0161',
    '6.2.3: never indexed, new name': '10 0178 0179',
    '6.2.3: never indexed, new name, Huffman': '10 81f3 81f5',
  };
  for (const [name, hex] of Object.entries(representations)) {
    void test(name, () => answered(behind(hex)));
  }
  void test('6.3: a size update', () => answered(before('3f e1 1f')));
  void test('6.3: several size updates', () => answered(before('20 3f e1 1f')));

  void test('2.3.2: an entry is used by later requests, until it is evicted', async () => {
    const client = await RawClient.ready(server.port);
    const fields = Buffer.from(client.block(grpcFields(paths.unary)));
    const send = (id: number, ...parts: Buffer[]): void => {
      client.frame('HEADERS', END_HEADERS, id, Buffer.concat(parts));
      client.data(id, grpcMessage(Buffer.from('m')), END_STREAM);
    };
    send(1, fields, Buffer.from('4001780179', 'hex'));
    await client.response(1);
    send(3, fields, Buffer.from('be', 'hex'));
    await client.response(3);
    send(5, Buffer.from('203fe11f', 'hex'), fields);
    await client.response(5);
    send(7, fields, Buffer.from('be', 'hex'));
    await client.connectionError('COMPRESSION_ERROR');
  });
});

async function answered(send: (client: RawClient) => void): Promise<void> {
  const client = await RawClient.ready(server.port);
  send(client);
  client.data(1, grpcMessage(Buffer.from('m')), END_STREAM);
  assert.equal((await client.response(1)).trailers.get('grpc-status'), '0');
  await client.close();
}
