import type { AnswerRoom } from '../../base/rpc.js';

/** For callers that take whatever they asked for. */
export const unlimitedRoom: AnswerRoom = {
  cutShort: undefined,
  room: () => undefined,
  gathered: () => {},
};
