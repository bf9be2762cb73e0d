'use strict';
// Weights by tensor: a map whose areas are sizes, and the list.

// Squarified: rectangles [x, y, width, height] for sizes in falling order.
function treemap(sizes, x, y, width, height) {
  const boxes = [], total = sizes.reduce((s, v) => s + v, 0);
  let left = sizes.map((s) => s * width * height / (total || 1)), k = 0;
  const worst = (row, side) => {
    const sum = row.reduce((s, v) => s + v, 0);
    return Math.max(side * side * row[0] / (sum * sum), sum * sum / (side * side * row[row.length - 1]));
  };
  while (k < left.length) {
    const side = Math.min(width, height), row = [left[k++]];
    while (k < left.length && worst(row.concat(left[k]), side) <= worst(row, side)) row.push(left[k++]);
    const sum = row.reduce((s, v) => s + v, 0), thick = side > 0 ? sum / side : 0;
    let at = 0;
    for (const v of row) {
      const length = thick > 0 ? v / thick : 0;
      boxes.push(width >= height ? [x, y + at, thick, length] : [x + at, y, length, thick]);
      at += length;
    }
    if (width >= height) { x += thick; width -= thick; } else { y += thick; height -= thick; }
  }
  return boxes;
}
const sizesView = {
  show(view, method) {
    view.style.overflow = 'auto';
    const constants = data.constants, total = constants.reduce((s, c) => s + c.b, 0);
    const page = el('div', {class: 'page'});
    view.append(page);
    if (!constants.length) return page.append(el('div', {class: 'empty'}, 'The program has no constants.'));
    const name = (c) => c.n || (c.u.length ? shortName(c.u[0].op) : c.i ? 'constant ' + c.i : 'outside of the file');
    const go = (c) => {
      if (!c.u.length) return;
      setMethod(c.u[0].m);
      select(c.u[0].i);
    };
    const map = el('div', {class: 'map'});
    page.append(el('h2', {}, `${constants.length} constants, ${bytesText(total)}`), map);
    const shown = constants.filter((c) => c.b > 0).slice(0, 400), box = map.getBoundingClientRect();
    treemap(shown.map((c) => c.b), 0, 0, box.width || 800, 340).forEach(([x, y, w, h], k) => {
      const c = shown[k];
      map.append(el('div', {
        style: {left: x + 'px', top: y + 'px', width: w + 'px', height: h + 'px', background: colorOf(c.u.length ? c.u[0].op : c.t, 0.75)},
        onclick: () => go(c), onpointermove: (e) => tip(e, `${name(c)}\n${c.t}, ${bytesText(c.b)}, ${(100 * c.b / total).toFixed(1)}%`),
        onpointerleave: () => tip(null, ''),
      }, w > 50 && h > 16 ? name(c) : ''));
    });
    const rows = constants.slice(0, 2000).map((c) => el('tr', {},
      el('td', {class: 'right mono'}, bytesText(c.b)),
      el('td', {style: {minWidth: '120px'}}, el('span', {class: 'share', style: {width: 100 * c.b / (constants[0].b || 1) + 'px'}}),
         ` ${(100 * c.b / (total || 1)).toFixed(1)}%`),
      el('td', {class: 'mono'}, c.t), el('td', {}, c.n),
      el('td', {}, ...c.u.slice(0, 3).flatMap((u, k) => [k ? ', ' : '',
                                                         el('a', {class: 'link', onclick: () => { setMethod(u.m); select(u.i); }},
                                                            `${u.i} ${u.op}`)]),
        c.u.length > 3 ? `, ${c.u.length - 3} more` : c.u.length ? '' : 'not used')));
    page.append(el('table', {}, el('tr', {}, ...['size', 'share', 'type', 'name', 'used by'].map((t) => el('th', {}, t))), ...rows));
    if (constants.length > 2000) page.append(el('p', {class: 'soft'}, `${constants.length - 2000} smaller ones are not listed.`));
  },
};
