/** What takes longer has hung: far more than the slowest machine needs. */
const waitTimeoutMs = 30_000;

/** @param what is waited for, for the error when it does not come in time */
export async function within<T>(what: string, waited: Promise<T>, timeoutMs = waitTimeoutMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`within ${timeoutMs} ms there was no ${what}`)), timeoutMs);
  });
  try {
    return await Promise.race([waited, late]);
  } finally {
    clearTimeout(timer);
  }
}
