import type { AlphabetKind } from './alphabet.js';

export interface ClientPlan {
  readonly count: number;
  /** Between an answer and the next call. */
  readonly pauseMsMax: number;
  readonly keyCount: number;
  readonly alphabet: AlphabetKind;
  readonly timeoutMs: number;
  /** Of calls that their caller gives up before the time is over. */
  readonly cancelProbability: number;
  /** Relative frequencies. */
  readonly mix: Readonly<Record<CallKind, number>>;
  /** Of calls that compare and set or delete, instead of what the mix says. */
  readonly comparisonPart: number;
  /** Of calls that do not go the way of batches; some come with others in one turn. */
  readonly unaryPart: number;
  /** Reads of the past mostly go back no further; Infinity: to anywhere. */
  readonly pastRevisions: number;
  readonly valueSizeBytesMax: number;
  /** Calls of all clients together; Infinity: as many as there is time for. */
  readonly callsMax: number;
}

export const callKinds = [
  'put',
  'delete',
  'delete-range',
  'get',
  'range',
  'past',
  'serializable',
  'compact',
  'batch',
] as const;
export type CallKind = (typeof callKinds)[number];

/** What a run that is led to a corner wants of its clients. */
export interface ClientLoad {
  readonly count: number;
  readonly callsPerSecond: number;
  readonly valueSizeBytesMax: number;
}

/** What the rest of the plan says of the clients. */
export interface ClientFrame {
  readonly load: ClientLoad | undefined;
  readonly alphabet: AlphabetKind;
  /** Bytes of a row's key, behind which keys are long. */
  readonly chunkSizeBytes: number;
  /** As of MemberOptions; 0: no rule. */
  readonly compactionRevisions: number;
}

type Draw = <T>(knob: string, values: readonly T[]) => T;

/** Keys as long as they really are have to get through. */
const hugeChunkSizeBytes = 1000;
/** Few keys that are written all the time: their chains of versions are long. */
const overwriteRevisions = 300;

/** @param pick draws with dice of each knob's own */
export function drawClients(pick: Draw, frame: ClientFrame): ClientPlan {
  const { load, alphabet, compactionRevisions } = frame;
  const isHuge = alphabet === 'long' && frame.chunkSizeBytes >= hugeChunkSizeBytes;
  const overwrites = load === undefined && !isHuge && pick('overwrites', [false, false, false, false, true]);
  const count = load?.count ?? pick('clients', [1, 3, 5, 10, 20]);
  const callsPerSecond = load?.callsPerSecond ?? pick('calls', [5, 20, 20, 60, 60, 200]);
  const keyCount = pick('keys', [1, 3, 10]);
  const pastRevisions = overwrites ? overwriteRevisions : Infinity;
  return {
    count,
    pauseMsMax: (2000 * count) / (isHuge ? Math.min(20, callsPerSecond) : callsPerSecond),
    keyCount: overwrites ? Math.ceil(keyCount / 3) : isHuge ? Math.min(5, keyCount) : keyCount,
    alphabet,
    timeoutMs: pick('call timeout', [300, 1000, 5000]),
    cancelProbability: pick('cancel', [0, 0, 0.05]),
    mix: drawMix(pick, overwrites),
    comparisonPart: pick(comparisonKnob, [0, 0, 0, 0, 0, 0, 0.15, 0.5]),
    unaryPart: load === undefined ? pick('unary part', [0, 0, 0.3, 1]) : 0,
    pastRevisions: compactionRevisions > 0 ? 2 * compactionRevisions : pastRevisions,
    valueSizeBytesMax: load?.valueSizeBytesMax ?? pick('value size', [0, 50, 600]),
    callsMax: Infinity,
  };
}

/** The number was chosen so that the seeds which had been written down before draw none: they run as they did. */
const comparisonKnob = 'comparisons 1544400';

function drawMix(pick: Draw, overwrites: boolean): ClientPlan['mix'] {
  const weight = (kind: CallKind): number => pick(`weight of ${kind}`, [0, 1, 1, 3]);
  const mix = {
    put: 3 + weight('put'),
    delete: weight('delete'),
    'delete-range': weight('delete-range') / 3,
    get: 2 + weight('get'),
    range: weight('range'),
    past: weight('past') / 2,
    serializable: weight('serializable') / 2,
    compact: weight('compact') / 10,
    batch: weight('batch') / 3,
  };
  if (!overwrites) return mix;
  // Deletions cut chains short.
  return { ...mix, put: 12, delete: mix.delete / 20, 'delete-range': 0, get: 1, past: 3 };
}

/** Bytes of keys and value that one call writes at most, besides what each row takes. */
export function callSizeBytesMax(
  { alphabet, valueSizeBytesMax }: ClientPlan,
  chunkSizeBytes: number,
): number {
  // The key stands in its row, in the change, and in an entry of its past.
  return valueSizeBytesMax + (alphabet === 'long' ? 3 * (2 * chunkSizeBytes + 1) : 0);
}
