import { blockTarget } from './block-target.js';
import { connectionTarget } from './connection-target.js';
import { frameTarget } from './frame-target.js';
import { messageTarget } from './message-target.js';
import type { FuzzTarget } from './target.js';

/** Each with its share of the inputs. */
export const fuzzTargets: readonly { readonly target: FuzzTarget; readonly share: number }[] = [
  { target: frameTarget, share: 0.2 },
  { target: blockTarget, share: 0.2 },
  { target: messageTarget, share: 0.2 },
  { target: connectionTarget, share: 0.4 },
];
