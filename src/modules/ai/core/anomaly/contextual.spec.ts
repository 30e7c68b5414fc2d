import { Random } from '../numeric/random.js';
import { ContextMemory } from './context-memory.js';
import { ContextualDetector } from './contextual.js';
import type { AnomalyFinding } from './detector.js';

const STEP = 60_000;

/** A rhythm of levels with a little noise; from `broken` on, twelve values come in the wrong order. */
function rhythm(length: number, broken = Number.POSITIVE_INFINITY): number[] {
  const random = new Random(2);
  const pattern = [10, 10, 20, 40, 40, 30, 20, 10];
  const wrong = [40, 10, 40, 10, 40, 10, 40, 10, 40, 10, 40, 10];
  return Array.from({ length }, (_, i) => (wrong[i - broken] ?? pattern[i % pattern.length]) + random.next());
}

function run(values: number[], detector = new ContextualDetector({ warmUp: 100 })): AnomalyFinding[] {
  return values.map((value, i) => detector.update(i * STEP, value));
}

const found = (findings: AnomalyFinding[]) =>
  findings.filter(({ anomaly }) => anomaly).map(({ timestamp }) => timestamp / STEP);

describe('ContextualDetector', () => {
  it('finds a broken rhythm although no single value is out of range, and nothing before it', () => {
    const [first, ...others] = found(run(rhythm(900, 800))).filter((at) => at >= 300);
    expect(first).toBeGreaterThanOrEqual(800);
    expect(first).toBeLessThan(812);
    expect(others).toEqual([]);
  });

  it('expects the level that comes next in the rhythm', () => {
    const last = run(rhythm(704)).at(-1) as AnomalyFinding;
    expect(last.expected).not.toBeNull();
    expect(last.value).toBeGreaterThanOrEqual(last.expected?.lower as number);
    expect(last.value).toBeLessThanOrEqual(last.expected?.upper as number);
  });

  it('says nothing during the warm-up, and copes with a constant series and with gaps', () => {
    const findings = run([...new Array(150).fill(3), Number.NaN, 3, 3]);
    expect(findings.slice(0, 100).every(({ score }) => score === 0)).toBe(true);
    expect(found(findings)).toEqual([]);
  });

  it('goes on from its stored state as if it had never stopped', () => {
    const values = rhythm(500, 450);
    const whole = run(values).slice(300);
    const first = new ContextualDetector({ warmUp: 100 });
    run(values.slice(0, 300), first);
    const second = new ContextualDetector({ warmUp: 100 }, JSON.parse(JSON.stringify(first.state())));
    expect(values.slice(300).map((value, i) => second.update((300 + i) * STEP, value))).toEqual(whole);
  });
});

describe('ContextMemory', () => {
  it('never keeps more contexts than its capacity', () => {
    const random = new Random(1);
    const memory = new ContextMemory(200);
    for (let i = 0; i < 500; i++)
      memory.step([random.integer(4), 4 + random.integer(4), 8 + random.integer(4)]);
    expect(memory.state().contexts.length).toBeLessThanOrEqual(200);
  });
});
