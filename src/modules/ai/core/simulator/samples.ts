/** One recorded request. */
export interface RecordedRequest {
  /** Arrival in milliseconds of any clock that all samples share. */
  arrivalMs: number;
  backendId: string;
  /** From the start of the try to the answer's head. */
  serviceMs: number;
  error: boolean;
  /** Other requests in flight to that backend at the arrival; left out when it was not recorded. */
  inFlight?: number;
  /** Whether the backend was drawn uniformly at random, not chosen by an algorithm. */
  random: boolean;
}

/** What a comparison is made of. */
export interface RecordedTraffic {
  requests: readonly RecordedRequest[];
  backends: readonly { id: string; weight: number }[];
  /** Share of all requests that was recorded, above 0 and at most 1. */
  recordedShare: number;
}

/**
 * Fills in how many requests were in flight at each arrival where that was not recorded: those recorded before that had
 * not ended, over the share that was recorded. From a small share that is a rough guess: record it where you can.
 *
 * @param requests of one backend, by arrival
 */
function withInFlight(
  requests: readonly RecordedRequest[],
  recordedShare: number,
): Required<RecordedRequest>[] {
  let ends: number[] = [];
  return requests.map((request) => {
    ends = ends.filter((end) => end > request.arrivalMs);
    const overlapping = ends.length;
    ends.push(request.arrivalMs + request.serviceMs);
    return { ...request, inFlight: request.inFlight ?? overlapping / recordedShare };
  });
}

/**
 * Requests whose backend was drawn at random, by backend and arrival; only these say how a backend does on any request.
 */
export function randomByBackend({
  requests,
  backends,
  recordedShare,
}: RecordedTraffic): Required<RecordedRequest>[][] {
  const index = new Map(backends.map(({ id }, i) => [id, i]));
  const groups: RecordedRequest[][] = backends.map(() => []);
  for (const request of requests) {
    const at = index.get(request.backendId);
    if (at !== undefined) groups[at].push(request);
  }
  return groups.map((group) => {
    group.sort((a, b) => a.arrivalMs - b.arrivalMs);
    return withInFlight(group, recordedShare).filter(({ random }) => random);
  });
}
