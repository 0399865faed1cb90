import { assert } from '../../base/assert.js';
import { emptyBytes, encodeUtf8 } from '../../base/bytes.js';
import type { ConfigChangeKind, Entry, MemberId, Message } from '../types.js';
import type { ClusterOptions } from './cluster.js';
import { Cluster, defaultClusterOptions } from './cluster.js';
import { describeEntries, describeMessage, describeReady, describeStatus } from './describe.js';
import type { Member } from './member.js';

/**
 * Plays a scenario: lines that begin with `> ` are commands, indented lines are what they bring about, the
 * rest is prose. The commands are the methods of this class; `quiet` before one leaves its output away.
 */
export class Trace {
  #cluster = new Cluster([], defaultClusterOptions, 1);
  #output: string[] = [];
  readonly #lost = new Set<string>();
  readonly #roles = new Map<MemberId, string>();

  /** @returns the text with the output that its commands have now */
  static play(text: string): string {
    const trace = new Trace();
    const lines: string[] = [];
    for (const line of text.split('\n')) {
      if (line.startsWith('  ')) continue;
      lines.push(line);
      if (line.startsWith('> ')) for (const output of trace.#run(line.slice(2))) lines.push(`  ${output}`);
    }
    return lines.join('\n');
  }

  #run(line: string): string[] {
    const words = line.trim().split(/\s+/);
    const quiet = words[0] === 'quiet';
    if (quiet) words.shift();
    this.#output = [];
    const command = commands[words[0] ?? ''];
    assert(command !== undefined, `unknown command: ${line}`);
    command(this, words.slice(1));
    return quiet ? [] : this.#output;
  }

  say(line: string): void {
    this.#output.push(line);
  }

  create(count: number, settings: readonly string[]): void {
    const founders = Array.from({ length: count }, (_, at) => BigInt(at + 1));
    this.#cluster = new Cluster(founders, parseOptions(settings), 1, {
      sent: (message) => this.say(describeMessage(message)),
      ready: (member, ready) => {
        this.noteRole(member);
        for (const line of describeReady(ready)) this.say(`${member.id} ${line}`);
      },
    });
    for (const member of this.#cluster.alive) this.#roles.set(member.id, 'follower 0');
  }

  get cluster(): Cluster {
    return this.#cluster;
  }

  noteRole(member: Member): void {
    const { role, term } = member.raft;
    const now = `${role} ${term}`;
    if (this.#roles.get(member.id) === now) return;
    this.#roles.set(member.id, now);
    this.say(`${member.id} is ${role} in term ${term}`);
  }

  members(word: string | undefined): Member[] {
    return word === undefined || word === 'all' ? this.#cluster.alive : [this.member(word)];
  }

  member(word: string | undefined): Member {
    return this.#cluster.member(BigInt(word ?? '0'));
  }

  /** Takes the messages that match `1->2`, `1->*`, `*->2` or everything off the list. */
  take(link: string | undefined): Message[] {
    const taken = this.#cluster.messages.filter((message) => matches(link, message));
    this.#cluster.messages = this.#cluster.messages.filter((message) => !matches(link, message));
    return taken;
  }

  lose(links: readonly string[]): void {
    for (const link of links) this.#lost.add(link);
  }

  mend(): void {
    this.#lost.clear();
  }

  passes(message: Message): boolean {
    return ![...this.#lost].some((link) => matches(link, message));
  }

  deliver(message: Message): void {
    if (this.passes(message)) this.#cluster.deliver(message);
    else this.#cluster.drop(message);
  }

  stabilize(): void {
    this.#cluster.stabilize((message) => this.passes(message));
  }
}

function matches(link: string | undefined, { from, to }: Message): boolean {
  if (link === undefined) return true;
  const [wantedFrom, wantedTo] = link.split('->');
  return (wantedFrom === '*' || wantedFrom === String(from)) && (wantedTo === '*' || wantedTo === String(to));
}

function parseOptions(settings: readonly string[]): ClusterOptions {
  const options: Record<string, number | boolean> = { ...defaultClusterOptions };
  for (const setting of settings) {
    const [name, value] = setting.split('=') as [string, string];
    assert(name in options, `unknown option ${name}`);
    options[name] = value === 'on' || value === 'off' ? value === 'on' : Number(value);
  }
  return options as unknown as ClusterOptions;
}

/** A member that starts with a log of these terms, in the given term. */
function preload(trace: Trace, member: Member, term: number, terms: readonly number[]): void {
  const entries: Entry[] = terms.map((entryTerm, at) => ({
    term: entryTerm,
    index: at + 1,
    type: 'normal',
    data: encodeUtf8(`${at + 1}.${entryTerm}`),
  }));
  member.crash();
  member.store.entries = entries;
  member.store.hardState = { term, vote: 0n, commit: 0 };
  trace.cluster.invariants.know(entries);
  member.restart();
}

function configChange(trace: Trace, words: string[]): void {
  const member = trace.member(words.shift());
  const based = words[0]?.startsWith('based=') === true ? Number(words.shift()!.slice(6)) : undefined;
  const changes: { kind: ConfigChangeKind; id: MemberId }[] = [];
  while (words.length > 0) {
    changes.push({ kind: words.shift() as ConfigChangeKind, id: BigInt(words.shift() ?? '0') });
  }
  member.input((raft) =>
    raft.proposeConfig({ changes, context: emptyBytes }, based ?? raft.status().configIndex),
  );
}

function repeat(word: string | undefined, action: () => void): void {
  for (let count = Number(word ?? 1); count > 0; count--) action();
}

const commands: Record<string, (trace: Trace, words: string[]) => void> = {
  cluster: (trace, [count, ...settings]) => trace.create(Number(count), settings),
  add: (trace, [id]) => void trace.cluster.addMember(BigInt(id!)),
  preload: (trace, [id, term, ...terms]) => preload(trace, trace.member(id), Number(term), terms.map(Number)),
  tick: (trace, [id, count]) =>
    repeat(count, () => {
      for (const member of trace.members(id)) member.input((raft) => raft.tick());
    }),
  beat: (trace, [count]) =>
    repeat(count, () => {
      trace.cluster.tickAll();
      trace.stabilize();
    }),
  campaign: (trace, [id]) => trace.member(id).input((raft) => raft.campaign()),
  'time-lost': (trace, [id]) => trace.member(id).input((raft) => raft.timeLost()),
  propose: (trace, [id, text]) => trace.member(id).input((raft) => raft.propose(encodeUtf8(text ?? ''))),
  config: configChange,
  read: (trace, [id, ...contexts]) =>
    trace.member(id).input((raft) => {
      for (const context of contexts) raft.readIndex(Number(context));
    }),
  transfer: (trace, [id, target]) =>
    trace.member(id).input((raft) => raft.transferLeadership(BigInt(target ?? 0))),
  'connection-lost': (trace, [id, leader]) =>
    trace.member(id).input((raft) => raft.leaderConnectionLost(BigInt(leader!))),
  'snapshot-failed': (trace, [id, to]) =>
    trace.member(id).input((raft) => raft.reportSnapshot(BigInt(to!), false)),
  unreachable: (trace, [id, peer]) => trace.member(id).input((raft) => raft.reportUnreachable(BigInt(peer!))),
  reachable: (trace, [id, peer]) => trace.member(id).input((raft) => raft.reportReachable(BigInt(peer!))),
  persist: (trace, [id, count]) => {
    for (const member of trace.members(id)) {
      repeat(count, () => member.persist());
      trace.noteRole(member);
    }
  },
  'persist-vote': (trace, [id]) => {
    trace.member(id).persistHardState();
    trace.noteRole(trace.member(id));
  },
  apply: (trace, [id]) => {
    for (const member of trace.members(id)) while (member.tasks.length > 0) member.apply();
  },
  deliver: (trace, [link]) => {
    for (const message of trace.take(link)) trace.deliver(message);
  },
  duplicate: (trace, [link]) => {
    for (const message of trace.take(link)) trace.cluster.messages.push(message, message);
  },
  drop: (trace, [link]) => {
    for (const message of trace.take(link)) trace.cluster.drop(message);
  },
  cut: (trace, links) =>
    trace.lose(links.flatMap((link) => (link.includes('>') ? [link] : [`${link}->*`, `*->${link}`]))),
  mend: (trace) => trace.mend(),
  crash: (trace, [id, kept]) => trace.member(id).crash(Number(kept ?? 0)),
  restart: (trace, [id]) => {
    trace.member(id).restart();
    trace.noteRole(trace.member(id));
  },
  compact: (trace, [id, index]) => {
    trace.member(id).flush();
    trace.member(id).compact(Number(index));
  },
  stabilize: (trace) => trace.stabilize(),
  messages: (trace) => {
    for (const message of trace.cluster.messages) trace.say(describeMessage(message));
  },
  status: (trace, [id]) => {
    for (const member of trace.members(id)) {
      for (const line of describeStatus(member.raft.status())) trace.say(line);
    }
  },
  disk: (trace, [id]) => {
    for (const { id: of, store } of trace.members(id)) {
      const { term, vote } = store.hardState;
      trace.say(
        `${of} term ${term} vote ${vote} behind ${store.snapshot.index} ${describeEntries(store.entries)}`,
      );
    }
  },
};
