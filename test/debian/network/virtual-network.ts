import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

async function run(line: string): Promise<string> {
  const [command, ...words] = line.split(' ');
  return (await execute(command!, words)).stdout;
}

/** Of RFC 2544 section C.2.2: for tests of networks alone. */
const subnet = '198.18.0';
/** What passes, and what is dropped: two classes behind each port. */
const [passing, dropped] = ['1:1', '1:2'];
const fullRate = '10gbit';
/** A process that is killed takes a moment to end. */
const killsMax = 1000;

/** Names of the namespaces of one test. */
function namespaceOf(prefix: string, at: number | 'switch'): string {
  return `${prefix}-${at}`;
}

/**
 * Machines that are network namespaces, around a switch that is one as well. What crosses the switch can be cut in
 * one direction, lost in part, and slowed down. Needs root, iproute2, and of the kernel: veth, bridge, sch_htb,
 * cls_u32, cls_bpf.
 */
export class VirtualNetwork {
  readonly #prefix: string;
  readonly #count: number;

  private constructor(prefix: string, count: number) {
    this.#prefix = prefix;
    this.#count = count;
  }

  static async make(prefix: string, count: number): Promise<VirtualNetwork> {
    const network = new VirtualNetwork(prefix, count);
    try {
      await network.#build();
    } catch (error) {
      await network.remove();
      throw error;
    }
    return network;
  }

  async #build(): Promise<void> {
    const hub = namespaceOf(this.#prefix, 'switch');
    await run(`ip netns add ${hub}`);
    await run(`ip -n ${hub} link set lo up`);
    await run(`ip -n ${hub} link add bridge type bridge`);
    await run(`ip -n ${hub} addr add ${subnet}.254/24 dev bridge`);
    await run(`ip -n ${hub} link set bridge up`);
    for (let at = 1; at <= this.#count; at++) {
      const machine = namespaceOf(this.#prefix, at);
      await run(`ip netns add ${machine}`);
      await run(`ip -n ${machine} link set lo up`);
      await run(`ip -n ${hub} link add port${at} type veth peer name eth0 netns ${machine}`);
      await run(`ip -n ${hub} link set port${at} master bridge up`);
      await run(`ip -n ${machine} addr add ${addressOf(at)}/24 dev eth0`);
      await run(`ip -n ${machine} link set eth0 up`);
    }
  }

  /** Words that run a program beside the switch, from where all machines are reached. */
  get atSwitch(): readonly string[] {
    return ['ip', 'netns', 'exec', namespaceOf(this.#prefix, 'switch')];
  }

  async remove(): Promise<void> {
    for (const at of [...Array.from({ length: this.#count }, (_, index) => index + 1), 'switch' as const]) {
      const namespace = namespaceOf(this.#prefix, at);
      await endProcesses(namespace).catch(() => {});
      await run(`ip netns del ${namespace}`).catch(() => {});
    }
  }
}

/** Of whoever runs in a namespace, which stays as long, and what is mounted there too. */
async function endProcesses(namespace: string): Promise<void> {
  for (let tries = 0; tries < killsMax; tries++) {
    const ids = (await run(`ip netns pids ${namespace}`)).split('\n').filter((line) => line !== '');
    if (ids.length === 0) return;
    for (const id of ids) {
      try {
        process.kill(Number(id), 'SIGKILL');
      } catch {
        // Gone by itself.
      }
    }
  }
}

/** Of a machine, counted from 1. */
export function addressOf(at: number): string {
  return `${subnet}.${at}`;
}

/** Words that run a program on a machine. */
export function onMachine(prefix: string, at: number): readonly string[] {
  return ['ip', 'netns', 'exec', namespaceOf(prefix, at)];
}

/** The switch, as the process beside it commands it. Machines are counted from 1. */
export class Switch {
  readonly machines: readonly number[];
  readonly hasNetem: boolean;

  private constructor(count: number, hasNetem: boolean) {
    this.machines = Array.from({ length: count }, (_, at) => at + 1);
    this.hasNetem = hasNetem;
  }

  static async prepare(count: number): Promise<Switch> {
    const machines = Array.from({ length: count }, (_, at) => at + 1);
    for (const at of machines) {
      const port = `dev port${at}`;
      await run(`tc qdisc add ${port} root handle 1: htb default 1`);
      await run(`tc class add ${port} parent 1: classid ${passing} htb rate ${fullRate} quantum 60000`);
      await run(`tc class add ${port} parent 1: classid ${dropped} htb rate ${fullRate} quantum 60000`);
      await run(`tc qdisc add ${port} parent ${passing} handle 10: pfifo limit 1000`);
      // A queue without a place drops whatever comes.
      await run(`tc qdisc add ${port} parent ${dropped} handle 20: pfifo limit 0`);
    }
    const hasNetem = await run('tc qdisc replace dev lo root netem delay 1ms').then(
      () => run('tc qdisc del dev lo root').then(() => true),
      () => false,
    );
    return new Switch(count, hasNetem);
  }

  /** Nothing goes from machine `from` to machine `to` any more; neither is told. */
  async cut(from: number, to: number): Promise<void> {
    const filter = `tc filter add dev port${to} parent 1: pref ${from} protocol ip u32`;
    await run(`${filter} match ip src ${addressOf(from)}/32 flowid ${dropped}`);
  }

  async mend(from: number, to: number): Promise<void> {
    await run(`tc filter del dev port${to} parent 1: pref ${from}`);
  }

  /** Of what goes to machine `to`, this share is lost. */
  async lose(to: number, percent: number): Promise<void> {
    // Classic BPF: a random number, at most the threshold: matches.
    const threshold = Math.floor((percent / 100) * 0xffff_ffff);
    const program = `4,32 0 0 4294963256,37 1 0 ${threshold},6 0 0 4294967295,6 0 0 0`;
    const words = `filter add dev port${to} parent 1: pref 50 protocol all bpf bytecode`.split(' ');
    await execute('tc', [...words, program, 'flowid', dropped]);
  }

  async loseNothing(to: number): Promise<void> {
    await run(`tc filter del dev port${to} parent 1: pref 50`);
  }

  /** What goes to machine `to` is late: by netem where the kernel has it, else by a queue before a slow line. */
  async delay(to: number, delayMs: number, slowRateKbit: number): Promise<void> {
    const port = `dev port${to}`;
    if (this.hasNetem) {
      await run(`tc qdisc replace ${port} parent ${passing} netem delay ${delayMs}ms ${delayMs / 2}ms`);
    } else {
      await this.#setRate(to, `${slowRateKbit}kbit burst 2k`);
    }
  }

  async delayNothing(to: number): Promise<void> {
    const port = `dev port${to}`;
    if (this.hasNetem) await run(`tc qdisc replace ${port} parent ${passing} handle 10: pfifo limit 1000`);
    else await this.limitNothing(to);
  }

  /** What goes to machine `to` passes a line that takes so much; what does not fit yet waits, up to a thousand packets. */
  limitRate(to: number, rateMegabit: number): Promise<void> {
    return this.#setRate(to, `${rateMegabit}mbit burst 16k`);
  }

  limitNothing(to: number): Promise<void> {
    return this.#setRate(to, `${fullRate} quantum 60000`);
  }

  async #setRate(to: number, rate: string): Promise<void> {
    await run(`tc class change dev port${to} parent 1: classid ${passing} htb rate ${rate}`);
  }
}
