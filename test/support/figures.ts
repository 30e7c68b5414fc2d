import { appendFileSync } from 'node:fs';

/** Prints what a test measured; `npm run chaos` collects it for its table. */
export function figure(text: string): void {
  process.stdout.write(`    ${text}\n`);
  const file = process.env.VELOFLUX_FIGURES;
  if (file)
    appendFileSync(file, `${JSON.stringify({ test: expect.getState().currentTestName ?? '', text })}\n`);
}
