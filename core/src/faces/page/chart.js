// Small graphs of what was seen since the page is open.
import { h, s } from './dom.js';

const WIDTH = 240;
const HEIGHT = 40;
const LEAST = 60; // points of the whole width: at first the curve comes in from the right

export function graph(values, tone, label) {
  const most = Math.max(1e-9, ...values);
  const step = WIDTH / (Math.max(LEAST, values.length) - 1);
  const left = WIDTH - (values.length - 1) * step;
  const points = values.map((each, i) => [(left + i * step).toFixed(1), (HEIGHT - 2 - (each / most) * (HEIGHT - 6)).toFixed(1)]);
  const line = points.map((each) => each.join(',')).join(' ');
  return s('svg', { class: `graph ${tone}`, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    s('line', { x1: 0, x2: WIDTH, y1: HEIGHT - 1, y2: HEIGHT - 1, class: 'floor' }),
    points.length > 1 && s('polygon', { class: 'area', points: `${points[0][0]},${HEIGHT} ${line} ${WIDTH},${HEIGHT}` }),
    points.length > 1 && s('polyline', { class: 'curve', points: line }));
}

// How two numbers compare, as bars.
export function bars(rows) {
  const most = Math.max(1, ...rows.map(([, number]) => number));
  return h('div', { class: 'bars' }, rows.map(([name, number, text, tone]) => h('div', { class: 'bar' },
    h('span', {}, name),
    s('svg', { viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true', class: tone },
      s('rect', { width: 100, height: 8, rx: 2, class: 'back' }), s('rect', { width: (number / most) * 100, height: 8, rx: 2, class: 'front' })),
    h('span', { class: 'number' }, text))));
}
