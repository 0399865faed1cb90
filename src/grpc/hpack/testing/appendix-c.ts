/** The examples of RFC 7541, appendix C. */
export interface Example {
  readonly section: string;
  readonly tableSizeBytesMax: number;
  readonly huffman: boolean;
  /** In their order on one connection. */
  readonly blocks: readonly {
    readonly hex: string;
    readonly fields: readonly string[];
    readonly tableSizeBytesAfter: number;
  }[];
}

export const singleFields: readonly Example[] = [
  example('C.2.1', 4096, false, [
    ['400a637573746f6d2d6b65790d637573746f6d2d686561646572', ['custom-key', 'custom-header'], 55],
  ]),
  example('C.2.2', 4096, false, [['040c2f73616d706c652f70617468', [':path', '/sample/path'], 0]]),
  example('C.2.3', 4096, false, [['100870617373776f726406736563726574', ['password', 'secret'], 0]]),
  example('C.2.4', 4096, false, [['82', [':method', 'GET'], 0]]),
];

const requestFields = [
  [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'],
  [
    ...[':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'],
    ...['cache-control', 'no-cache'],
  ],
  [
    ...[':method', 'GET', ':scheme', 'https', ':path', '/index.html', ':authority', 'www.example.com'],
    ...['custom-key', 'custom-value'],
  ],
] as const;

const responseFields = [
  [
    ...[':status', '302', 'cache-control', 'private', 'date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ...['location', 'https://www.example.com'],
  ],
  [
    ...[':status', '307', 'cache-control', 'private', 'date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ...['location', 'https://www.example.com'],
  ],
  [
    ...[':status', '200', 'cache-control', 'private', 'date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
    ...['location', 'https://www.example.com', 'content-encoding', 'gzip'],
    ...['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
  ],
] as const;

export const messages: readonly Example[] = [
  example('C.3', 4096, false, [
    ['828684410f7777772e6578616d706c652e636f6d', requestFields[0], 57],
    ['828684be58086e6f2d6361636865', requestFields[1], 110],
    ['828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565', requestFields[2], 164],
  ]),
  example('C.4', 4096, true, [
    ['828684418cf1e3c2e5f23a6ba0ab90f4ff', requestFields[0], 57],
    ['828684be5886a8eb10649cbf', requestFields[1], 110],
    ['828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf', requestFields[2], 164],
  ]),
  example('C.5', 256, false, [
    [
      '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d54' +
        '6e1768747470733a2f2f7777772e6578616d706c652e636f6d',
      responseFields[0],
      222,
    ],
    ['4803333037c1c0bf', responseFields[1], 222],
    [
      '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d' +
        '4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b20' +
        '76657273696f6e3d31',
      responseFields[2],
      215,
    ],
  ]),
  example('C.6', 256, true, [
    [
      '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff' +
        '6e919d29ad171863c78f0b97c8e9ae82ae43d3',
      responseFields[0],
      222,
    ],
    ['4883640effc1c0bf', responseFields[1], 222],
    [
      '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab' +
        '77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
      responseFields[2],
      215,
    ],
  ]),
];

function example(
  section: string,
  tableSizeBytesMax: number,
  huffman: boolean,
  blocks: readonly (readonly [string, readonly string[], number])[],
): Example {
  return {
    section,
    tableSizeBytesMax,
    huffman,
    blocks: blocks.map(([hex, fields, tableSizeBytesAfter]) => ({ hex, fields, tableSizeBytesAfter })),
  };
}
