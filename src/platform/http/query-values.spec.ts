import { queryBoolean, queryInteger, queryNumber } from './query-values.js';

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

  it('that came as another type, as when a parameter is given twice, stay as they are', () => {
    const value = ['1', '2'];
    for (const read of [queryInteger, queryNumber, queryBoolean]) expect(read({ value })).toBe(value);
  });
});
