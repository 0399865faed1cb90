/** RFC 7541, appendix A: entry i has its name at 2 * (i - 1) and its value behind it. */
// prettier-ignore
const entries: readonly string[] = [
  ':authority', '', ':method', 'GET', ':method', 'POST', ':path', '/', ':path', '/index.html',
  ':scheme', 'http', ':scheme', 'https', ':status', '200', ':status', '204', ':status', '206',
  ':status', '304', ':status', '400', ':status', '404', ':status', '500', 'accept-charset', '',
  'accept-encoding', 'gzip, deflate', 'accept-language', '', 'accept-ranges', '', 'accept', '',
  'access-control-allow-origin', '', 'age', '', 'allow', '', 'authorization', '', 'cache-control', '',
  'content-disposition', '', 'content-encoding', '', 'content-language', '', 'content-length', '',
  'content-location', '', 'content-range', '', 'content-type', '', 'cookie', '', 'date', '', 'etag', '',
  'expect', '', 'expires', '', 'from', '', 'host', '', 'if-match', '', 'if-modified-since', '',
  'if-none-match', '', 'if-range', '', 'if-unmodified-since', '', 'last-modified', '', 'link', '',
  'location', '', 'max-forwards', '', 'proxy-authenticate', '', 'proxy-authorization', '', 'range', '',
  'referer', '', 'refresh', '', 'retry-after', '', 'server', '', 'set-cookie', '',
  'strict-transport-security', '', 'transfer-encoding', '', 'user-agent', '', 'vary', '', 'via', '',
  'www-authenticate', '',
];

export const staticLength = entries.length / 2;

/** By index; the indexes begin at 1, so there is an empty place at 0. */
export const staticNames: readonly string[] = ['', ...entries.filter((_, at) => at % 2 === 0)];
export const staticValues: readonly string[] = ['', ...entries.filter((_, at) => at % 2 === 1)];

/** The first index of each name. */
export const staticNameIndex: ReadonlyMap<string, number> = new Map(
  staticNames.map((name, index): [string, number] => [name, index]).reverse(),
);

/** The index of a field that stands whole in the table; 0: there is none. */
export function staticFieldIndex(name: string, value: string): number {
  const first = staticNameIndex.get(name);
  if (first === undefined) return 0;
  // Entries of one name stand together.
  for (let index = first; staticNames[index] === name; index++) {
    if (staticValues[index] === value) return index;
  }
  return 0;
}
