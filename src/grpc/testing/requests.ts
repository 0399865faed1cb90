/** The header list of a call of `test.Echo`, and further fields. */
export function echoFields(method: string, ...more: readonly string[]): readonly string[] {
  return [
    ...[':method', 'POST', ':scheme', 'http', ':path', `/test.Echo/${method}`, ':authority', 'here'],
    ...['content-type', 'application/grpc', 'te', 'trailers', ...more],
  ];
}
