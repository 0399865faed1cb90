/** Between two lines that say the same of one transfer. */
export const failureLogIntervalMs = 60_000;

/** Why nothing of a snapshot gets to one member, as the last attempt found out; and when the log has said so. */
export class AttemptFailure {
  #reason = '';
  /** The reason without its numbers: how much is free, say, is another one each time. */
  #toldKind = '';
  #toldMs = -Infinity;

  /** Empty: the last attempt brought something, or there was none. */
  get reason(): string {
    return this.#reason;
  }

  /** @returns whether it is news, or was told long ago */
  happened(reason: string, nowMs: number): boolean {
    this.#reason = reason;
    const kind = reason.replace(/\d+/g, '');
    if (kind === this.#toldKind && nowMs - this.#toldMs < failureLogIntervalMs) return false;
    this.#toldKind = kind;
    this.#toldMs = nowMs;
    return true;
  }

  over(): void {
    this.#reason = '';
  }
}
