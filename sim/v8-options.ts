/**
 * How V8 runs a process that plays runs. A swarm is over before code that is optimised at V8's usual zeal has paid
 * for its compilation: of the first hundred runs it took almost half of the processor time. So less of what a
 * function calls is built into it. What a run leaves behind dies young, if there is room until then.
 */
export const runnerV8Options: readonly string[] = [
  '--max-inlined-bytecode-size-cumulative=300',
  '--min-semi-space-size=16',
];
