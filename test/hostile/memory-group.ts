import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';

/** Version 1 of the kernel's control groups, or version 2: where groups are made, and the file of their limit. */
const hierarchies = [
  { root: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes' },
  { root: '/sys/fs/cgroup', limit: 'memory.max' },
] as const;

/** A control group with a limit on memory: the kernel kills what goes past it. Root alone can make one. */
export class MemoryGroup {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * @param number of those that the process makes
   * @returns undefined where none can be made
   */
  static make(limitBytes: number, number = 0): MemoryGroup | undefined {
    for (const { root, limit } of hierarchies) {
      const folder = `${root}/kvorum-test-${process.pid}-${number}`;
      try {
        mkdirSync(folder);
      } catch {
        continue;
      }
      if (existsSync(`${folder}/${limit}`)) {
        writeFileSync(`${folder}/${limit}`, String(limitBytes));
        return new MemoryGroup(folder);
      }
      rmdirSync(folder);
    }
    return undefined;
  }

  /** Words before a command that make it run in this group. */
  get prefix(): readonly string[] {
    return ['sh', '-c', `echo $$ >${this.#folder}/cgroup.procs && exec "$@"`, 'sh'];
  }

  /** Once its processes have ended, which the kernel may notice a moment later. */
  async remove(): Promise<void> {
    while (readFileSync(`${this.#folder}/cgroup.procs`, 'utf8') !== '') await after(10);
    rmdirSync(this.#folder);
  }
}
