import { mutant, type Mutant } from './mutant.js';

const raft = (file: string): string => `src/raft/${file}.ts`;

/** Faults that show where somebody leads who should not yet, or a message comes into another term than its own. */
export const successionMutants: readonly Mutant[] = [
  mutant(
    'lease-back-after-transfer',
    'a leader that has given up a transfer serves from its lease again, and its target may yet be told to stand',
    raft('core'),
    `    this.transferTarget = noMember;
    this.outbox`,
    `    this.transferTarget = noMember;
    this.leaseRevoked = false;
    this.outbox`,
  ),
  mutant(
    'lease-forgotten-by-restart',
    'a member that was started again votes at once, whatever lease it has given before',
    raft('core'),
    'this.voteFreeTick = options.leaseReads ? options.electionTicks : 0;',
    'this.voteFreeTick = 0;',
  ),
  mutant(
    'elected-by-the-committed-configuration',
    'votes are counted in the configuration that is committed: the one that is left of two cannot lead',
    raft('election'),
    'const result = configVote(core.config.config, (id) => core.votes.get(id));',
    'const result = configVote(core.configs.at(core.commit).config, (id) => core.votes.get(id));',
  ),
  {
    name: 'proposal-of-an-earlier-term-taken',
    fault:
      'a leader takes a proposal that was meant for an earlier term: its proposer may have made it again',
    patches: [
      {
        file: raft('proposals'),
        original: '  if (message.term !== core.ledger.term) return;\n',
        replacement: '',
      },
      {
        file: raft('proposals'),
        original: "if (core.role !== 'leader' || core.term !== message.term) return noLeader;",
        replacement: "if (core.role !== 'leader') return noLeader;",
      },
    ],
  },
  mutant(
    'call-to-stand-of-an-earlier-term-obeyed',
    'a member that is told late to stand does so in a later term, whose leader trusts its lease',
    raft('step'),
    `      handleProposeResponse(core, message);
      return;
    default:`,
    `      handleProposeResponse(core, message);
      return;
    case 'timeout-now':
      handleTimeoutNow(core, { ...message, from: core.leader });
      return;
    default:`,
  ),
];
