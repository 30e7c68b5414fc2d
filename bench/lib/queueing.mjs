/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Events by time: a binary heap. */
class Events {
  items = [];

  get next() {
    return this.items[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  push(event) {
    const { items } = this;
    let at = items.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (items[parent].at <= event.at) break;
      items[at] = items[parent];
      at = parent;
    }
    items[at] = event;
  }

  pop() {
    const { items } = this;
    const [first] = items;
    const last = items.pop();
    if (items.length > 0) this.sink(last);
    return first;
  }

  sink(item) {
    const { items } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1].at < items[child].at) child++;
      if (items[child].at >= item.at) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = item;
  }
}

/**
 * Poisson arrivals before backends with a few workers each and a line: `balancer` of the data plane, on simulated time.
 *
 * @param backends `{ workers, ms }`: requests served at a time, mean service time (half of it fixed, half exponential)
 * @param rate requests a second at a time in seconds
 * @param weightsAt weights at a time in seconds
 * @param onAnswer called with the arrival in seconds, the backend's index and the latency in ms
 */
export function simulate({ balancer, candidates, backends, rate, weightsAt, seconds, random, onAnswer }) {
  const all = candidates.map((candidate, i) => Object.assign(candidate, { i, free: backends[i].workers, line: [] }));
  const events = new Events();
  let now = 0;
  const begin = (backend, arrived, at) => {
    backend.free--;
    const ms = backends[backend.i].ms * (0.5 - 0.5 * Math.log(1 - random()));
    events.push({ at: at + ms, backend, arrived });
  };
  const end = ({ at, backend, arrived }) => {
    backend.free++;
    backend.load.inFlight--;
    balancer.onResponse?.(backend, at - arrived, at);
    onAnswer(arrived / 1000, backend.i, at - arrived);
    const waiting = backend.line.shift();
    if (waiting !== undefined) begin(backend, waiting, at);
  };
  for (;;) {
    now += (-Math.log(1 - random()) * 1000) / rate(now / 1000);
    if (now > seconds * 1000) return;
    while (events.next <= now) end(events.pop());
    const weights = weightsAt(now / 1000);
    for (const each of all) each.weight = weights[each.i];
    const backend = balancer.pick(all, { now, clientAddress: `10.0.0.${Math.floor(random() * 250)}` });
    backend.load.inFlight++;
    balancer.onStart?.(backend, now);
    if (backend.free > 0) begin(backend, now, now);
    else backend.line.push(now);
  }
}
