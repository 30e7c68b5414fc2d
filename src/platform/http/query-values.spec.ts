import { validate } from 'class-validator';
import { TimeRangeQuery, timeRange } from './pagination.js';
import { queryBoolean, queryInteger, queryNumber, queryUpperCase } from './query-values.js';

describe('values of a query', () => {
  it('are whole numbers in digits only', () => {
    expect(['7', '-7', '0'].map((value) => queryInteger({ value }))).toEqual([7, -7, 0]);
    for (const value of ['', '0x10', ' 5', '1e2', '1.5', '1'.repeat(16)])
      expect(queryInteger({ value })).toBeNaN();
  });

  it('are decimals without sign and exponent', () => {
    expect(['7', '0.25', '999999.5'].map((value) => queryNumber({ value }))).toEqual([7, 0.25, 999999.5]);
    for (const value of ['', '.5', '5.', '-1', '1e2', '1234567']) expect(queryNumber({ value })).toBeNaN();
  });

  it('are true or false, and any other word stays for the validator to refuse', () => {
    expect(['true', 'false', 'yes', ''].map((value) => queryBoolean({ value }))).toEqual([
      true,
      false,
      'yes',
      '',
    ]);
  });

  it('are words in any case', () => {
    expect(queryUpperCase({ value: 'Error' })).toBe('ERROR');
  });

  it('that came as another type, as when a parameter is given twice, stay as they are', () => {
    const value = ['1', '2'];
    for (const read of [queryInteger, queryNumber, queryBoolean, queryUpperCase])
      expect(read({ value })).toBe(value);
  });
});

describe('the bounds of a stretch of time', () => {
  const refused = async (from: unknown) =>
    (await validate(Object.assign(new TimeRangeQuery(), { from }))).map(({ property }) => property);

  it('are times in ISO 8601 that can be read, and nothing else', async () => {
    for (const from of [
      undefined,
      '2026-06-19',
      '2026-06-19T15:30:00Z',
      '2026-06-19T15:30:00.5+02:00',
      '0001-01-01T00:00:00Z',
    ])
      expect(await refused(from)).toEqual([]);
    for (const from of [
      null,
      '',
      'yesterday',
      '2026-02-30',
      '2026-W25',
      '2026-170',
      1_781_000_000,
      ['2026-06-19'],
    ])
      expect(await refused(from)).toEqual(['from']);
  });

  it('are left out when they were not given', () => {
    expect(timeRange({})).toEqual({});
    expect(timeRange({ to: '2026-06-19' })).toEqual({ to: new Date('2026-06-19T00:00:00Z') });
  });
});
