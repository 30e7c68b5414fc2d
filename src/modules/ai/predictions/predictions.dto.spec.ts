import 'reflect-metadata';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { BatchPredictRequest } from './predictions.dto.js';

const point = { timestamp: '2026-06-19T15:30:00.000Z', value: 1 };
const wrong = (body: object): string[] =>
  validateSync(plainToInstance(BatchPredictRequest, { model: 'm', inputs: ['good'], ...body })).map(
    ({ property }) => property,
  );

describe('A batch of inputs', () => {
  it.each([
    ['a text', 'good'],
    ['a series', { series: [point, point], horizon: 3 }],
    ['messages', { messages: [{ role: 'user', content: 'hi' }] }],
  ])('takes %s', (_, input) => expect(wrong({ inputs: [input] })).toEqual([]));

  it.each([
    ['an unknown field of a point', { series: [{ ...point, unit: 's' }] }],
    ['an unknown field of a message', { messages: [{ role: 'user', content: 'hi', name: 'x' }] }],
    ['null', null],
  ])('refuses %s', (_, input) => expect(wrong({ inputs: [input] })).toEqual(['inputs']));

  it('may leave its size out, but not say that it is null', () => {
    expect(wrong({})).toEqual([]);
    expect(wrong({ batch_size: null })).toEqual(['batch_size']);
  });
});
