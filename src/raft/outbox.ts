import type { LogRead, Message, ProposalResult, ReadState } from './types.js';

/** What the next Ready hands out besides the log. */
export class Outbox {
  messages: Message[] = [];
  messagesAfterHardState: Message[] = [];
  messagesAfterPersist: Message[] = [];
  readStates: ReadState[] = [];
  proposalResults: ProposalResult[] = [];
  logReads: LogRead[] = [];

  get empty(): boolean {
    return (
      this.messages.length === 0 &&
      this.messagesAfterHardState.length === 0 &&
      this.messagesAfterPersist.length === 0 &&
      this.readStates.length === 0 &&
      this.proposalResults.length === 0 &&
      this.logReads.length === 0
    );
  }

  /** Takes back what has not left. */
  withdraw(type: Message['type']): void {
    const stays = (message: Message): boolean => message.type !== type;
    this.messages = this.messages.filter(stays);
    this.messagesAfterHardState = this.messagesAfterHardState.filter(stays);
    this.messagesAfterPersist = this.messagesAfterPersist.filter(stays);
  }

  afterPersist(message: Message): void {
    addAnswer(this.messagesAfterPersist, message);
  }
}

/**
 * An acknowledgement says all that the one before it said, and a rejection that is repeated says nothing new: appends of
 * one turn, or those that come while a write is long under way, are answered once.
 */
export function addAnswer(answers: Message[], message: Message): void {
  const last = answers.length - 1;
  const before = answers[last];
  if (before !== undefined && saysAllOf(message, before)) answers[last] = message;
  else answers.push(message);
}

function saysAllOf(message: Message, before: Message): boolean {
  return (
    before.type === 'append-response' &&
    message.type === 'append-response' &&
    before.to === message.to &&
    before.term === message.term &&
    before.rejected === message.rejected &&
    (message.rejected ? before.index === message.index : before.index <= message.index)
  );
}
