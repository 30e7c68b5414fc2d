/** Values beyond this lose whole numbers, and their squares and cubes leave the range of a double. */
const MAX_MEASURE = 1e15;

/** A number that the models can compute with. JSON has no NaN, but `1e999` is read as Infinity. */
export const isMeasure = (value: unknown): value is number =>
  typeof value === 'number' && Math.abs(value) <= MAX_MEASURE;
