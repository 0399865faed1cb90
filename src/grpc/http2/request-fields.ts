/** A request's header list, checked and taken apart. */
export interface RequestFields {
  readonly method: string;
  /** Absent in a CONNECT request, as is the path. */
  readonly scheme: string | undefined;
  readonly path: string | undefined;
  readonly authority: string | undefined;
  /** Bytes of content that are promised; -1: not said. */
  readonly contentLength: number;
  /** name, value, name, value, ...: all fields that are no pseudo-headers. */
  readonly regular: readonly string[];
}

const pseudoNames = [':method', ':scheme', ':path', ':authority'] as const;
type PseudoName = (typeof pseudoNames)[number];

/**
 * @param fields name, value, name, value, ...
 * @returns undefined for a request that RFC 9113, sections 8.1 to 8.3, calls malformed
 */
export function readRequestFields(fields: readonly string[]): RequestFields | undefined {
  const pseudo: Partial<Record<PseudoName, string>> = {};
  let at = 0;
  for (; at < fields.length && fields[at]!.startsWith(':'); at += 2) {
    const name = fields[at] as PseudoName;
    const value = fields[at + 1]!;
    if (!pseudoNames.includes(name) || pseudo[name] !== undefined || !isValue(value)) return undefined;
    pseudo[name] = value;
  }
  const regular = fields.slice(at);
  const contentLength = checkRegular(regular, pseudo[':authority']);
  const method = pseudo[':method'];
  if (contentLength === undefined || method === undefined || !isToken(method)) return undefined;
  const { ':scheme': scheme, ':path': path, ':authority': authority } = pseudo;
  if (!isComplete(method, scheme, path, authority)) return undefined;
  return { method, scheme, path, authority, contentLength, regular };
}

/** Section 8.3.1, and section 8.5 for CONNECT. */
function isComplete(
  method: string,
  scheme: string | undefined,
  path: string | undefined,
  authority: string | undefined,
): boolean {
  if (method === 'CONNECT') return scheme === undefined && path === undefined && authority !== undefined;
  if (scheme === undefined || scheme === '' || path === undefined) return false;
  return path.startsWith('/') || (path === '*' && method === 'OPTIONS');
}

/** Fields of one connection alone, which HTTP/2 does not have (section 8.2.2). */
const connectionFields: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** Whether a field has a meaning for one connection alone. */
export function isConnectionField(name: string): boolean {
  return connectionFields.has(name);
}

/** @returns what `content-length` says, -1 without it; undefined if a field is not allowed */
function checkRegular(fields: readonly string[], authority: string | undefined): number | undefined {
  let contentLength = -1;
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!;
    const value = fields[at + 1]!;
    if (!isRegular(name, value)) return undefined;
    if (name === 'host' && authority !== undefined && value !== authority) return undefined;
    if (name !== 'content-length') continue;
    const length = /^\d{1,15}$/.test(value) ? Number(value) : -1;
    if (length < 0 || (contentLength >= 0 && contentLength !== length)) return undefined;
    contentLength = length;
  }
  return contentLength;
}

/** A field that may stand in a request's header list or in its trailers. */
function isRegular(name: string, value: string): boolean {
  if (!isFieldName(name) || !isValue(value) || isConnectionField(name)) return false;
  return name !== 'te' || value === 'trailers';
}

/** Trailers are malformed if they hold pseudo-headers (section 8.1). */
export function areTrailers(fields: readonly string[]): boolean {
  for (let at = 0; at < fields.length; at += 2) {
    if (!isRegular(fields[at]!, fields[at + 1]!)) return false;
  }
  return true;
}

/** RFC 9110, section 5.6.2, without the upper case for names of fields (RFC 9113, section 8.2.1). */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const fieldName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

function isToken(text: string): boolean {
  return token.test(text);
}

function isFieldName(name: string): boolean {
  return fieldName.test(name);
}

/** RFC 9113, section 8.2.1: no NUL, CR, LF; no space or tab at either end. */
function isValue(value: string): boolean {
  const last = value.length - 1;
  if (last < 0) return true;
  if (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(last))) return false;
  for (let at = 0; at <= last; at++) {
    const code = value.charCodeAt(at);
    if (code === 0 || code === 0x0a || code === 0x0d) return false;
  }
  return true;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
