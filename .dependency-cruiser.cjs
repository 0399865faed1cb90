/** The import order of ARCHITECTURE.md: a folder imports only from those below it. */
const layers = [
  ['cli', '^src/cli/'],
  ['server', '^src/(server/|[^/]+[.]ts$)'],
  ['api', '^src/api/'],
  ['member', '^src/member/'],
  ['state', '^src/(fsm|storage|peer)/'],
  ['ports', '^src/ports/'],
  ['raft', '^src/raft/'],
  ['base', '^src/base/'],
];
const tests = '([.]test[.]ts$|/testing/)';
const order = layers.flatMap(([name, path], at) => {
  const above = layers.slice(0, at).map(([, each]) => each);
  if (above.length === 0) return [];
  return [
    {
      name: `${name}-imports-upward`,
      severity: 'error',
      from: { path, pathNot: tests },
      to: { path: above.join('|') },
    },
  ];
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...order,
    ...['fsm', 'storage', 'peer'].map((name, at, all) => ({
      name: `${name}-imports-beside`,
      severity: 'error',
      from: { path: `^src/${name}/`, pathNot: tests },
      to: { path: `^src/(${all.filter((other) => other !== name).join('|')})/` },
    })),
    {
      name: 'client-imports-base-alone',
      severity: 'error',
      from: { path: '^src/client/', pathNot: tests },
      to: { path: '^src/', pathNot: '^src/(client|base|generated)/' },
    },
    {
      name: 'grpc-imports-base-alone',
      comment: 'a server of its own that knows nothing of key-value',
      severity: 'error',
      from: { path: '^src/grpc/', pathNot: tests },
      to: { path: '^src/', pathNot: '^src/(grpc|base)/' },
    },
    {
      name: 'grpc-needs-no-package',
      severity: 'error',
      from: { path: '^src/grpc/', pathNot: tests },
      to: { dependencyTypes: ['npm'] },
    },
    {
      name: 'below-grpc',
      severity: 'error',
      from: { path: '^src/(member|fsm|storage|peer|ports|raft|base|client)/', pathNot: tests },
      to: { path: '^src/grpc/' },
    },
    {
      name: 'generated-imports-nothing-of-ours',
      severity: 'error',
      from: { path: '^src/generated/' },
      to: { path: '^src/', pathNot: '^src/generated/' },
    },
    {
      name: 'sim-imports-members-alone',
      comment: 'the simulator runs members; nothing of ours imports it',
      severity: 'error',
      from: { path: '^sim/' },
      to: { path: '^src/', pathNot: '^src/(member|fsm|storage|peer|ports|raft|base)/' },
    },
    {
      name: 'nothing-imports-sim',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^sim/' },
    },
    {
      name: 'pure-core',
      comment: 'raft and fsm are deterministic and run anywhere',
      severity: 'error',
      from: { path: '^src/(raft|fsm|base)/', pathNot: tests },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'member-knows-no-platform',
      comment: 'the outside reaches a member through the ports alone, so that it can be simulated',
      severity: 'error',
      from: { path: '^src/member/', pathNot: tests },
      to: { dependencyTypes: ['core', 'npm'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
