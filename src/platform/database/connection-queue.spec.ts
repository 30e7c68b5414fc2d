import { ConnectionQueue } from './connection-queue.js';

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'entered',
    (e: { code?: string; message: string }) => e.code ?? e.message,
  );

describe('ConnectionQueue', () => {
  it('lets no more in at once than there are connections, in the order in which they came', async () => {
    const queue = new ConnectionQueue(2);
    const order: number[] = [];
    let inside = 0;
    const work = async (i: number) => {
      const leave = await queue.enter();
      order.push(i);
      expect(++inside).toBeLessThanOrEqual(2);
      await new Promise(setImmediate);
      inside--;
      leave();
    };
    await Promise.all(Array.from({ length: 20 }, (_, i) => work(i)));
    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('gives up after the time limit, and the turn goes to the next one', async () => {
    const queue = new ConnectionQueue(1, 5);
    const leave = await queue.enter();
    expect(await codeOf(queue.enter())).toBe('DATABASE_BUSY');
    leave();
    expect(await codeOf(queue.enter())).toBe('entered');
  });

  it('tells everybody who waits when the database is down, and goes on when it is back', async () => {
    const queue = new ConnectionQueue(1);
    const leave = await queue.enter();
    const waiting = [codeOf(queue.enter()), codeOf(queue.enter())];
    queue.failWaiting(new Error('down'));
    expect(await Promise.all(waiting)).toEqual(['down', 'down']);
    leave();
    expect(await codeOf(queue.enter())).toBe('entered');
  });
});
