import { Callbacks, type Callback } from './callbacks.js';

interface Listened {
  readonly callbacks: Callbacks<void>;
  readonly listener: () => void;
}

const listened = new WeakMap<AbortSignal, Listened>();

/**
 * Calls back when the signal is aborted; the caller looks first whether it is already. A signal has one listener,
 * however many calls it ends: an application may give the same one to all of its calls.
 */
export function onAbort(signal: AbortSignal, call: () => void): Callback<void> {
  let found = listened.get(signal);
  if (found === undefined) {
    const callbacks = new Callbacks<void>();
    found = { callbacks, listener: () => callbacks.callAll() };
    listened.set(signal, found);
    signal.addEventListener('abort', found.listener);
  }
  return found.callbacks.add(call);
}

/** @param callback of onAbort with the same signal */
export function stopWaitingForAbort(signal: AbortSignal, callback: Callback<void>): void {
  const found = listened.get(signal);
  if (found === undefined) return;
  found.callbacks.remove(callback);
  if (found.callbacks.count > 0) return;
  listened.delete(signal);
  signal.removeEventListener('abort', found.listener);
}
