type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** Where events are told: one call, one line. pino's shape, so that a pino logger is one. */
export interface Log {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
}

const ignore: Write = () => {};

export const silentLog: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
