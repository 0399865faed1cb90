/** Nonces of this member's own greetings under way. One that comes in from outside is a greeting played back to it. */
export class OwnNonces {
  readonly #underWay = new Set<string>();

  /** @returns ends that */
  add(nonce: Uint8Array): () => void {
    const key = keyOf(nonce);
    this.#underWay.add(key);
    return () => void this.#underWay.delete(key);
  }

  has(nonce: Uint8Array): boolean {
    return this.#underWay.has(keyOf(nonce));
  }
}

function keyOf(nonce: Uint8Array): string {
  return Buffer.from(nonce.buffer, nonce.byteOffset, nonce.byteLength).toString('base64');
}
