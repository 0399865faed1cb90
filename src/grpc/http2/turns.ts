export interface TurnTask {
  /** Called once for each time it was scheduled; may schedule itself again, for the next turn. */
  turn(): void;
}

/** Runs what was scheduled, once the input that is ready has been taken in: all of it in one callback a turn. */
export class Turns {
  #tasks: TurnTask[] = [];
  #running: TurnTask[] = [];

  schedule(task: TurnTask): void {
    if (this.#tasks.push(task) === 1) setImmediate(this.#run);
  }

  readonly #run = (): void => {
    const tasks = this.#tasks;
    this.#tasks = this.#running;
    this.#running = tasks;
    for (const task of tasks) task.turn();
    tasks.length = 0;
  };
}
