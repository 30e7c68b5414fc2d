import { fc } from '../../../test/support/property.js';
import { addMonths, periodAt, startOfMinute } from './periods.js';

const at = (text: string) => new Date(text);
const instant = fc.date({
  min: at('2020-01-01T00:00:00Z'),
  max: at('2040-01-01T00:00:00Z'),
  noInvalidDate: true,
});

describe('periods', () => {
  it('takes the last day of a month that is too short', () => {
    expect(addMonths(at('2026-01-31T10:20:00Z'), 1)).toEqual(at('2026-02-28T10:20:00Z'));
    expect(addMonths(at('2028-01-31T10:20:00Z'), 1)).toEqual(at('2028-02-29T10:20:00Z'));
    expect(addMonths(at('2026-01-31T10:20:00Z'), 2)).toEqual(at('2026-03-31T10:20:00Z'));
    expect(addMonths(at('2024-02-29T00:00:00Z'), 12)).toEqual(at('2025-02-28T00:00:00Z'));
  });

  it('puts every instant into exactly one period, and the periods one after the other', () => {
    fc.assert(
      fc.property(instant, instant, fc.constantFrom(1, 12), (anchor, now, months) => {
        const period = periodAt(anchor, months, now);
        expect(period.start <= now && now < period.end).toBe(true);
        expect(periodAt(anchor, months, period.end).start).toEqual(period.end);
        expect(periodAt(anchor, months, new Date(period.start.getTime() - 1)).end).toEqual(period.start);
      }),
    );
  });

  it('begins with a minute', () => {
    expect(startOfMinute(at('2026-01-31T10:20:59.999Z'))).toEqual(at('2026-01-31T10:20:00Z'));
  });
});
