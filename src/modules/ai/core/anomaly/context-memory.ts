/** A remembered succession: when all facts of `left` held, all of `right` held in the next step. */
interface Context {
  id: number;
  left: Semi;
  right: Semi;
  /** How often it came true. */
  activations: number;
  /** Whether it is a whole step as it was seen, not a common part of several. */
  whole: boolean;
}

/** One side of contexts: a set of facts that several contexts share. */
interface Semi {
  key: string;
  facts: number[];
  contexts: Context[];
  /** Facts of the step at hand that are among `facts`; valid while `seenIn` is that step. */
  common: number[];
  seenIn: number;
}

/** Plain data of a memory: left facts, right facts, activations, whole (0 or 1) and id of each context. */
export interface ContextMemoryState {
  contexts: [number[], number[], number, number, number][];
  nextId: number;
  /** The last left side, to go on from. */
  leftFacts: number[];
}

/** What a step showed. */
export interface StepResult {
  /** Share of the contexts whose left side held that came true; 0 when none held. */
  confirmed: number;
  /** Share of the successions in question that had never been seen. */
  novel: number;
}

/** Left sides of partial contexts have at most so many facts. */
const MAX_LEFT = 7;
/** At most so many contexts that came true become facts themselves. */
const MAX_ACTIVE = 15;
/** Facts that stand for active contexts begin here. */
const CONTEXT_FACTS = 1 << 20;

/** Sets of facts with an index from a fact to the sets that contain it. */
class SemiIndex {
  private readonly byKey = new Map<string, Semi>();
  private readonly byFact = new Map<number, Semi[]>();

  get(facts: number[]): Semi {
    const key = facts.join(',');
    const known = this.byKey.get(key);
    if (known) return known;
    const made: Semi = { key, facts, contexts: [], common: [], seenIn: -1 };
    this.byKey.set(key, made);
    for (const fact of facts) {
      const list = this.byFact.get(fact);
      if (list) list.push(made);
      else this.byFact.set(fact, [made]);
    }
    return made;
  }

  /** Notes on every set what it has in common with `facts`, and returns those that have anything. */
  cross(facts: number[], step: number): Semi[] {
    const crossed: Semi[] = [];
    for (const fact of facts)
      for (const semi of this.byFact.get(fact) ?? []) {
        if (semi.seenIn !== step) {
          semi.seenIn = step;
          semi.common = [];
          crossed.push(semi);
        }
        semi.common.push(fact);
      }
    return crossed;
  }
}

/**
 * Memory of successions of facts for contextual anomaly detection (the idea of CAD-OSE by M. Smirnov, NAB 2016; written
 * anew): whole steps are remembered, and so are the common parts of similar ones. At most `capacity` contexts are kept;
 * when they are full, those that came true least often are forgotten.
 */
export class ContextMemory {
  private left = new SemiIndex();
  private right = new SemiIndex();
  private contexts = new Map<string, Context>();
  private crossed: Semi[] = [];
  private leftFacts: number[] = [];
  private steps = 0;
  private nextId = 0;

  constructor(
    private readonly capacity: number,
    state?: ContextMemoryState,
  ) {
    if (!state) return;
    for (const [left, right, activations, whole, id] of state.contexts)
      this.insert(left, right, whole === 1, id).activations = activations;
    this.nextId = state.nextId;
    this.leftFacts = state.leftFacts;
    this.crossed = this.left.cross(this.leftFacts, this.steps);
  }

  /** Judges the facts of the next step by what is remembered, and remembers them. */
  step(facts: number[]): StepResult {
    const isNew = this.leftFacts.length > 0 && this.remember(this.leftFacts, facts, true);
    this.steps++;
    this.right.cross(facts, this.steps);
    const { selected, active, parts } = this.compare(isNew);
    const added = parts.filter(([left, right]) => this.remember(left, right, false)).length;
    active.sort((a, b) => b.activations - a.activations || a.id - b.id);
    const neurons = active.slice(0, MAX_ACTIVE).map(({ id }) => CONTEXT_FACTS + id);
    this.leftFacts = [...facts, ...neurons].sort((a, b) => a - b);
    if (this.contexts.size > this.capacity) this.forget();
    this.crossed = this.left.cross(this.leftFacts, this.steps);
    return {
      confirmed: selected > 0 ? active.length / selected : 0,
      novel: isNew && parts.length > 0 ? added / parts.length : 0,
    };
  }

  /** How often successions whose left side holds now and whose right side is within `facts` have come true. */
  support(facts: number[]): number {
    let sum = 0;
    for (const left of this.crossed) {
      if (left.common.length < left.facts.length) continue;
      for (const { right, activations } of left.contexts)
        if (right.facts.every((fact) => facts.includes(fact))) sum += (activations + 1) * right.facts.length;
    }
    return sum;
  }

  state(): ContextMemoryState {
    return {
      contexts: [...this.contexts.values()].map((c) => [
        c.left.facts,
        c.right.facts,
        c.activations,
        c.whole ? 1 : 0,
        c.id,
      ]),
      nextId: this.nextId,
      leftFacts: this.leftFacts,
    };
  }

  /** Which contexts held, which came true, and which common parts of old and new are worth remembering. */
  private compare(isNew: boolean): { selected: number; active: Context[]; parts: [number[], number[]][] } {
    const active: Context[] = [];
    const parts = new Map<string, [number[], number[]]>();
    let selected = 0;
    for (const left of this.crossed) {
      const holds = left.common.length === left.facts.length;
      for (const context of left.contexts) {
        const { right } = context;
        const common = right.seenIn === this.steps ? right.common : [];
        const comesTrue = common.length === right.facts.length;
        if (holds) selected++;
        if (holds && comesTrue) {
          context.activations++;
          active.push(context);
        } else if (isNew && common.length > 0 && left.common.length <= MAX_LEFT) {
          parts.set(`${left.common.join(',')}>${common.join(',')}`, [left.common, common]);
        }
      }
    }
    return { selected, active, parts: [...parts.values()] };
  }

  /** @returns whether the succession had not been known */
  private remember(leftFacts: number[], rightFacts: number[], whole: boolean): boolean {
    const known = this.contexts.get(`${leftFacts.join(',')}>${rightFacts.join(',')}`);
    if (known) return false;
    this.insert(leftFacts, rightFacts, whole, this.nextId++);
    return true;
  }

  private insert(leftFacts: number[], rightFacts: number[], whole: boolean, id: number): Context {
    const left = this.left.get(leftFacts);
    const right = this.right.get(rightFacts);
    const context: Context = { id, left, right, activations: 0, whole };
    this.contexts.set(`${left.key}>${right.key}`, context);
    left.contexts.push(context);
    return context;
  }

  /** Keeps the two thirds that came true most often, newer ones first among equals. */
  private forget(): void {
    const kept = [...this.contexts.values()]
      .sort((a, b) => b.activations - a.activations || b.id - a.id)
      .slice(0, Math.floor((2 * this.capacity) / 3))
      .sort((a, b) => a.id - b.id);
    this.left = new SemiIndex();
    this.right = new SemiIndex();
    this.contexts = new Map();
    for (const { left, right, activations, whole, id } of kept)
      this.insert(left.facts, right.facts, whole, id).activations = activations;
  }
}
