import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accepted, streamErrors, type Send } from '../testing/cases.js';
import { echoServer, grpcFields, openStream, paths } from '../testing/echo-server.js';
import { END_HEADERS, END_STREAM, grpcMessage } from '../testing/frames.js';
import { RawClient } from '../testing/raw-client.js';

const server = echoServer();
const message = grpcMessage(Buffer.from('m'));

/** A request that is whole and right but for what is changed; undefined leaves a field out. */
function request(changes: Readonly<Record<string, string | undefined>>, more: readonly string[] = []): Send {
  const base = grpcFields(paths.unary);
  const fields: string[] = [];
  for (let at = 0; at < base.length; at += 2) {
    const name = base[at]!;
    const value = name in changes ? changes[name] : base[at + 1];
    if (value !== undefined) fields.push(name, value);
  }
  fields.push(...more);
  return (client) => client.headers(1, fields, END_HEADERS | END_STREAM);
}

/** Puts fields in front of a right request. */
function before(...fields: string[]): Send {
  return (client) => client.headers(1, [...fields, ...grpcFields(paths.unary)], END_HEADERS | END_STREAM);
}

function trailers(...fields: string[]): Send {
  return (client) => {
    openStream(client, 1);
    client.data(1, message);
    client.headers(1, fields, END_HEADERS | END_STREAM);
  };
}

describe('RFC 9113, 8.1: message framing', () => {
  void test('trailers end a request', async () => {
    const client = await RawClient.ready(server.port);
    await trailers('x-trailer', 'value')(client);
    assert.deepEqual((await client.response(1)).data, message);
    await client.close();
  });

  void test('a field may be empty, and may come several times', async () => {
    const client = await RawClient.ready(server.port);
    client.headers(1, [...grpcFields(paths.unary), 'x-a', '', 'x-a', 'b', 'cookie', 'a=b', 'cookie', 'c=d']);
    client.data(1, message, END_STREAM);
    assert.deepEqual((await client.response(1)).data, message);
    await client.close();
  });

  streamErrors(server, 1, 'PROTOCOL_ERROR', {
    'a second HEADERS without END_STREAM': (client) => {
      openStream(client, 1);
      client.headers(1, ['x-trailer', '1']);
    },
    'a second HEADERS without END_STREAM, behind DATA': (client) => {
      openStream(client, 1);
      client.data(1, message);
      client.headers(1, ['x-trailer', '1']);
    },
    'trailers with a pseudo-header': trailers(':path', '/'),
    'trailers with a pseudo-header of responses': trailers(':status', '200'),
    'trailers with an upper-case name': trailers('X-Trailer', '1'),
    'trailers with a field of the connection': trailers('connection', 'close'),
  });
});

describe('RFC 9113, 8.1.1: malformed messages', () => {
  const withLength = (length: string, ...parts: readonly Buffer[]): Send => {
    return (client) => {
      client.headers(1, [...grpcFields(paths.unary), 'content-length', length]);
      parts.forEach((part, at) => client.data(1, part, at === parts.length - 1 ? END_STREAM : 0));
    };
  };
  streamErrors(server, 1, 'PROTOCOL_ERROR', {
    'content-length larger than the DATA': withLength('100', message),
    'content-length smaller than the DATA': withLength('1', message),
    'content-length larger than the sum of several DATA': withLength('13', message, message),
    'content-length smaller than the sum of several DATA': withLength('11', message, message),
    'content-length without DATA': request({}, ['content-length', '6']),
    'content-length with trailers, and less content': (client) => {
      client.headers(1, [...grpcFields(paths.unary), 'content-length', '7']);
      client.data(1, message);
      client.headers(1, ['x-trailer', '1'], END_HEADERS | END_STREAM);
    },
    'content-length that is no number': withLength('six', message),
    'content-length that is negative': withLength('-6', message),
    'content-length twice, different': (client) => {
      client.headers(1, [...grpcFields(paths.unary), 'content-length', '6', 'content-length', '7']);
      client.data(1, message, END_STREAM);
    },
  });
  void test('content-length that is right', async () => {
    const client = await RawClient.ready(server.port);
    await withLength('6', message.subarray(0, 2), message.subarray(2))(client);
    assert.deepEqual((await client.response(1)).data, message);
    await client.close();
  });
});

describe('RFC 9113, 8.2.1: field validity', () => {
  const bad: Record<string, Send> = {
    'an upper-case name': request({}, ['X-Upper', '1']),
    'an empty name': request({}, ['', '1']),
    'a colon within a name': request({}, ['x:y', '1']),
  };
  for (const code of [0x00, 0x09, 0x0a, 0x0d, 0x1f, 0x20, 0x41, 0x5a, 0x7f, 0x80, 0xff]) {
    bad[`0x${code.toString(16)} within a name`] = request({}, [`x${String.fromCharCode(code)}y`, '1']);
  }
  for (const code of [0x00, 0x0a, 0x0d]) {
    const octet = String.fromCharCode(code);
    bad[`0x${code.toString(16)} within a value`] = request({}, ['x-a', `v${octet}w`]);
    bad[`0x${code.toString(16)} within a pseudo-header`] = request({ ':path': `/a${octet}b` });
  }
  for (const [name, octet] of [
    ['a space', ' '],
    ['a tab', '\t'],
  ]) {
    bad[`${name} before a value`] = request({}, ['x-a', `${octet}v`]);
    bad[`${name} behind a value`] = request({}, ['x-a', `v${octet}`]);
  }
  streamErrors(server, 1, 'PROTOCOL_ERROR', bad);

  accepted(server, {
    'every character that a name may have': request({}, ["!#$%&'*+-.^_`|~09az", '1']),
    'characters of values: visible ones, spaces within, octets above 0x7f': request({}, [
      'x-a',
      'v \t!"~\xff\x80 w',
    ]),
  });
});

describe('RFC 9113, 8.2.2: fields of the connection', () => {
  streamErrors(server, 1, 'PROTOCOL_ERROR', {
    connection: request({}, ['connection', 'keep-alive']),
    'keep-alive': request({}, ['keep-alive', 'timeout=5']),
    'proxy-connection': request({}, ['proxy-connection', 'keep-alive']),
    'transfer-encoding': request({}, ['transfer-encoding', 'chunked']),
    upgrade: request({}, ['upgrade', 'h2c']),
    'te other than trailers': request({ te: 'trailers, deflate' }),
    'te: gzip': request({ te: 'gzip' }),
  });
  accepted(server, { 'te: trailers': request({ te: 'trailers' }) });
});

describe('RFC 9113, 8.3: control data', () => {
  streamErrors(server, 1, 'PROTOCOL_ERROR', {
    'a pseudo-header that nobody defined': before(':test', 'x'),
    'a pseudo-header of extended CONNECT': before(':protocol', 'websocket'),
    'a pseudo-header of responses': before(':status', '200'),
    'a pseudo-header behind a field': (client) => {
      const fields = grpcFields(paths.unary);
      client.headers(1, [...fields.slice(2), ...fields.slice(0, 2)], END_HEADERS | END_STREAM);
    },
    ':method twice': before(':method', 'POST'),
    ':scheme twice': before(':scheme', 'http'),
    ':path twice': before(':path', '/'),
    ':authority twice': before(':authority', 'a'),
    'an upper-case pseudo-header': before(':Method', 'POST'),
    'no header at all': (client) => client.frame('HEADERS', END_HEADERS | END_STREAM, 1),
  });
});

describe('RFC 9113, 8.3.1: pseudo-headers of requests', () => {
  streamErrors(server, 1, 'PROTOCOL_ERROR', {
    'no :method': request({ ':method': undefined }),
    'no :scheme': request({ ':scheme': undefined }),
    'no :path': request({ ':path': undefined }),
    'an empty :path': request({ ':path': '' }),
    'an empty :method': request({ ':method': '' }),
    'a :method that is no token': request({ ':method': 'PO ST' }),
    'a :path that does not begin with "/"': request({ ':path': 'test' }),
    'a :path of "*" for another method than OPTIONS': request({ ':path': '*' }),
    'a host that differs from :authority': request({ ':authority': 'a.example' }, ['host', 'b.example']),
  });

  void test('a host that is the same as :authority, and no :authority at all', async () => {
    const client = await RawClient.ready(server.port);
    const fields = grpcFields(paths.unary).filter((_, at, all) => all[at - (at % 2)] !== ':authority');
    client.call(1, fields, Buffer.from('1'));
    await client.response(1);
    client.call(3, [...fields, 'host', 'a.example'], Buffer.from('2'));
    await client.response(3);
    client.call(5, [':authority', 'a.example', ...fields, 'host', 'a.example'], Buffer.from('3'));
    await client.response(5);
    await client.close();
  });

  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    void test(`${method} is answered`, async () => {
      const client = await RawClient.ready(server.port);
      const path = method === 'OPTIONS' ? '*' : '/';
      client.headers(1, [':method', method, ':scheme', 'http', ':path', path], END_HEADERS | END_STREAM);
      assert.match((await client.response(1)).headers.get(':status')!, /^4\d\d$/);
      await client.alive();
      await client.close();
    });
  }
});

describe('RFC 9113, 8.5: CONNECT', () => {
  streamErrors(server, 1, 'PROTOCOL_ERROR', {
    'with :path and :scheme': request({ ':method': 'CONNECT' }),
    'without :authority': (client) => client.headers(1, [':method', 'CONNECT'], END_HEADERS | END_STREAM),
  });
  void test('is answered, but not taken', async () => {
    const client = await RawClient.ready(server.port);
    client.headers(1, [':method', 'CONNECT', ':authority', 'a.example:80']);
    assert.match((await client.response(1)).headers.get(':status')!, /^[45]\d\d$/);
    await client.alive();
    await client.close();
  });
});
