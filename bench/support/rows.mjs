// Rows of the table that bench/run.mjs makes of all benches: each bench adds its own as it prints them.
import { appendFileSync } from 'node:fs';

/**
 * One measured thing. `ours` and `theirs` are texts with their units; `ratio` is ours to the peer's; `aim` says what was
 * wanted. What is not known is left out. Nothing happens when the bench runs alone.
 */
export function row({ what, ours, peer, theirs, ratio, aim }) {
  const file = process.env.BENCH_ROWS;
  if (file) appendFileSync(file, `${JSON.stringify({ what, ours, peer, theirs, ratio, aim })}\n`);
}
