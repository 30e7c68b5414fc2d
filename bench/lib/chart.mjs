const WIDTH = 960;
const HEIGHT = 320;
const MARGIN = { left: 64, right: 16, top: 44, bottom: 34 };

function quantile(sorted, share) {
  return sorted[Math.round(share * (sorted.length - 1))];
}

function compact(value) {
  return new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 }).format(value);
}

/** An SVG of forecasts with their interval against what came; bursts beyond the 99.5 % quantile are cut off. */
export function forecastChart(points, title, subtitle) {
  const levels = points.flatMap((p) => [p.actual, p.forecast]).sort((a, b) => a - b);
  const low = Math.min(0, quantile(levels, 0));
  const high = quantile(levels, 0.995) * 1.15 || 1;
  const [from, to] = [points[0].ms, points[points.length - 1].ms];
  const x = (ms) => (MARGIN.left + ((ms - from) / (to - from)) * (WIDTH - MARGIN.left - MARGIN.right)).toFixed(1);
  const y = (value) => {
    const share = (Math.min(high, Math.max(low, value)) - low) / (high - low);
    return (HEIGHT - MARGIN.bottom - share * (HEIGHT - MARGIN.top - MARGIN.bottom)).toFixed(1);
  };
  const path = (pick) => points.map((p, i) => `${i ? 'L' : 'M'}${x(p.ms)} ${y(pick(p))}`).join('');
  const upper = points.map((p) => `${x(p.ms)},${y(p.upper)}`);
  const lower = points.map((p) => `${x(p.ms)},${y(p.lower)}`).reverse();
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => low + share * (high - low));
  const days = Array.from({ length: Math.floor((to - from) / 86_400_000) + 2 }, (_, i) => (Math.floor(from / 86_400_000) + i) * 86_400_000);
  const text = (cx, cy, content, extra = '') => `<text x="${cx}" y="${cy}" ${extra}>${content}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="#444">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${text(MARGIN.left, 18, title, 'font-size="14" font-weight="600" fill="#111"')}
${text(MARGIN.left, 34, subtitle)}
${ticks.map((value) => `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(value)}" y2="${y(value)}" stroke="#e5e5e5"/>${text(MARGIN.left - 8, Number(y(value)) + 4, compact(value), 'text-anchor="end"')}`).join('\n')}
${days.filter((ms) => ms >= from && ms <= to).map((ms) => `<line x1="${x(ms)}" x2="${x(ms)}" y1="${MARGIN.top}" y2="${HEIGHT - MARGIN.bottom}" stroke="#eee"/>${text(x(ms), HEIGHT - 12, new Date(ms).toISOString().slice(0, 10), 'text-anchor="middle"')}`).join('\n')}
<polygon points="${upper.join(' ')} ${lower.join(' ')}" fill="#2f6fde" fill-opacity="0.18"/>
<path d="${path((p) => p.actual)}" fill="none" stroke="#333" stroke-width="1"/>
<path d="${path((p) => p.forecast)}" fill="none" stroke="#2f6fde" stroke-width="1.4"/>
<g transform="translate(${WIDTH - 330},14)"><line x2="18" stroke="#333"/>${text(24, 4, 'what came')}<line x1="100" x2="118" stroke="#2f6fde" stroke-width="2"/>${text(124, 4, 'forecast')}<rect x="190" y="-6" width="18" height="12" fill="#2f6fde" fill-opacity="0.18"/>${text(214, 4, '90 % interval')}</g>
</svg>
`;
}
