/** One page of a list together with the number of all rows that match. */
export class Page<T> {
  constructor(
    readonly items: T[],
    readonly total: number,
    readonly page: number,
    readonly limit: number,
  ) {}

  map<U>(fn: (item: T) => U): Page<U> {
    return new Page(this.items.map(fn), this.total, this.page, this.limit);
  }
}

export interface PageRequest {
  page: number;
  limit: number;
}

/** Items before the page, for SQL's OFFSET. */
export const offsetOf = (request: PageRequest): number => (request.page - 1) * request.limit;
