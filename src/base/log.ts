/** pino's own fields: another of the same name would take their place. */
interface Reserved {
  readonly level?: never;
  readonly time?: never;
  readonly msg?: never;
}
type Write = (fields: Readonly<Record<string, unknown>> & Reserved, message: string) => void;

/** Where events are told: one call, one line. pino's shape, so that a pino logger is one. */
export interface Log {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
}

const ignore: Write = () => {};

export const silentLog: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
