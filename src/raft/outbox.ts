import type { Message, ProposalResult, ReadState } from './types.js';

/** What the next Ready hands out besides the log. */
export class Outbox {
  messages: Message[] = [];
  messagesAfterPersist: Message[] = [];
  readStates: ReadState[] = [];
  proposalResults: ProposalResult[] = [];

  get empty(): boolean {
    return (
      this.messages.length === 0 &&
      this.messagesAfterPersist.length === 0 &&
      this.readStates.length === 0 &&
      this.proposalResults.length === 0
    );
  }

  /** Takes back what has not left. */
  withdraw(type: Message['type']): void {
    const stays = (message: Message): boolean => message.type !== type;
    this.messages = this.messages.filter(stays);
    this.messagesAfterPersist = this.messagesAfterPersist.filter(stays);
  }

  /** An acknowledgement says all that the one before it said: appends of one turn are answered once. */
  afterPersist(message: Message): void {
    const last = this.messagesAfterPersist.length - 1;
    const before = this.messagesAfterPersist[last];
    if (
      before?.type === 'append-response' &&
      message.type === 'append-response' &&
      !before.rejected &&
      !message.rejected &&
      before.to === message.to &&
      before.term === message.term &&
      before.index <= message.index
    ) {
      this.messagesAfterPersist[last] = message;
    } else {
      this.messagesAfterPersist.push(message);
    }
  }
}
