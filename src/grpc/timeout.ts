const unitMs: ReadonlyMap<string, number> = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1000],
  ['m', 1],
  ['u', 1e-3],
  ['n', 1e-6],
]);

/**
 * `grpc-timeout`: up to eight digits and a unit.
 *
 * @returns milliseconds; undefined for anything else
 */
export function parseTimeout(text: string): number | undefined {
  const unit = unitMs.get(text.at(-1) ?? '');
  const digits = text.slice(0, -1);
  if (unit === undefined || !/^\d{1,8}$/.test(digits)) return undefined;
  return Number(digits) * unit;
}
