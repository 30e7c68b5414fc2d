// Preloaded (--import) into a server with --expose-gc: 'collect' in → garbage collected, { collected: {rss, heap} } out
// in bytes. Collects until the resident memory no longer falls, so that the figure is of what is in use.
process.on('message', async (message) => {
  if (message !== 'collect') return;
  let before = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i++) {
    globalThis.gc();
    await new Promise((ok) => setTimeout(ok, 150));
    const { rss } = process.memoryUsage();
    if (rss > before * 0.995) break;
    before = rss;
  }
  globalThis.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  process.send({ collected: { rss, heap: heapUsed + external } });
});
