import { type Crossing, Threshold } from './threshold.js';

/** Crossings that a series of values makes against a limit of 80, settled at once. */
const crossings = (values: number[]): Crossing[] => {
  const threshold = new Threshold();
  return values.flatMap((value) => {
    const crossing = threshold.next(value, 80);
    if (crossing) threshold.settle(crossing);
    return crossing ? [crossing] : [];
  });
};

describe('Threshold', () => {
  it('takes three samples in a row for a crossing', () => {
    expect(crossings([90, 90, 70, 90, 90])).toEqual([]);
    expect(crossings([90, 90, 90])).toEqual(['over']);
  });

  it('makes one crossing of a value that wavers around the limit', () => {
    expect(crossings([82, 82, 82, 79, 82, 78, 81, 76, 79, 85])).toEqual(['over']);
  });

  it('is under again five below the limit', () => {
    expect(crossings([90, 90, 90, 75.1, 75.1, 75.1])).toEqual(['over']);
    expect(crossings([90, 90, 90, 75, 75, 75])).toEqual(['over', 'under']);
  });

  it('is under again at half of a limit that is small', () => {
    const threshold = new Threshold();
    const seen = [4, 4, 4, 2, 2, 2, 1, 1, 1].flatMap((value) => {
      const crossing = threshold.next(value, 3);
      if (crossing) threshold.settle(crossing);
      return crossing ? [crossing] : [];
    });
    expect(seen).toEqual(['over', 'under']);
  });

  it('says under after a start, so that an alert of an earlier run ends', () => {
    expect(crossings([10, 10, 10, 10])).toEqual(['under']);
  });

  it('says it again until it was acted on', () => {
    const threshold = new Threshold();
    const seen = Array.from({ length: 5 }, () => threshold.next(90, 80));
    expect(seen).toEqual([null, null, 'over', 'over', 'over']);
  });
});
