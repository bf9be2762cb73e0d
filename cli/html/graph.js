'use strict';
// The graph: layers from top to bottom; the wheel scrolls, with Ctrl it zooms, dragging moves.
const graphView = {
  by: null, depth: 1, open: new Set(), scale: 1, dx: 0, dy: 0, method: null, hover: -1,
  kHeight: 40, kGapX: 18, kGapY: 26,

  show(view, method) {
    if (this.method !== method) {
      this.method = method;
      this.open.clear();
      this.choose(method);
      this.build();
      this.scale = 0;
    }
    const canvas = el('canvas', {tabindex: '0', 'aria-label': 'graph of instructions'});
    this.canvas = canvas;
    view.style.overflow = 'hidden';
    view.append(canvas, this.toolbar());
    canvas.addEventListener('wheel', (e) => this.wheel(e), {passive: false});
    canvas.addEventListener('pointerdown', (e) => this.press(e));
    canvas.addEventListener('pointermove', (e) => this.point(e));
    canvas.addEventListener('pointerleave', () => tip(null, ''));
    if (!this.scale) this.fit(true);
    this.draw();
  },
  // Large methods begin with their modules closed.
  choose(method) {
    const modules = method.code.some((i) => i.m);
    this.by = 'none';
    this.depth = 1;
    if (method.code.length <= 250) return;
    this.by = modules ? 'module' : method.code.some((i) => i.f) ? 'line' : 'none';
    while (this.by === 'module' && this.depth < 8 && groupNodes(method, 'module', this.depth + 1,
                                                                this.open).nodes.length <= 150) ++this.depth;
  },
  toolbar() {
    const again = () => { this.build(); this.draw(); };
    const by = el('select', {'aria-label': 'collapse', onchange: (e) => { this.by = e.target.value; this.open.clear(); again(); }},
      ...[['none', 'each instruction'], ['module', 'collapse modules'],
          ['line', 'collapse lines of Python']].map(([v, t]) => el('option', {value: v}, t)));
    by.value = this.by;
    const deeper = (d) => { this.depth = Math.max(1, Math.min(12, this.depth + d)); this.open.clear(); again(); };
    return el('div', {class: 'bar'}, by,
      el('button', {title: 'fewer names of the module path', onclick: () => deeper(-1)}, 'shallower'),
      el('button', {title: 'more names of the module path', onclick: () => deeper(1)}, 'deeper'),
      el('button', {title: 'zoom out', onclick: () => this.zoom(1 / 1.3)}, '−'),
          el('button', {title: 'zoom in', onclick: () => this.zoom(1.3)}, '+'),
      el('button', {onclick: () => { this.fit(false); this.draw(); }}, 'fit'),
      el('span', {class: 'legend'}, `${this.nodes.length} nodes, ${this.edges.length} edges` +
         (this.method.profile ? '; orange: time' : '')));
  },
  build() {
    const g = groupNodes(this.method, this.by, this.depth, this.open);
    Object.assign(this, g);
    for (const node of this.nodes) this.label(node);
    this.routes = layOut(this.nodes, this.edges, this.kGapX, this.kGapY, this.kHeight);
    const legend = document.querySelector('.bar .legend');
    if (legend)
      legend.textContent = `${this.nodes.length} nodes, ${this.edges.length} edges` + (this.method.profile ? '; orange: time' : '');
  },
  label(node) {
    const {code, profile} = this.method, first = code[node.instructions[0]];
    node.us = profile ? node.instructions.reduce((s, i) => s + profile.rows[i].us, 0) : 0;
    if (node.instructions.length > 1) {
      node.line1 = node.title;
      node.line2 = node.instructions.length + ' instructions';
    } else {
      node.line1 = node.instructions[0] + ' ' + shortName(first.op);
      node.line2 = first.k === 'jump' ? 'to ' + first.t + ' unless' : first.o.map((o) => this.method.values[o].t || '').join(' ');
    }
    if (profile && node.us > 0) node.line2 += '  ' + timeText(node.us);
    for (const line of ['line1', 'line2']) if (node[line].length > 44) node[line] = node[line].slice(0, 42) + '…';
    node.width = Math.max(90, 18 + 7.3 * Math.max(node.line1.length, node.line2.length * 0.9));
  },
  bounds() {
    let left = Infinity, right = -Infinity, bottom = 0;
    for (const n of this.nodes) {
      left = Math.min(left, n.x - n.width / 2);
      right = Math.max(right, n.x + n.width / 2);
      bottom = Math.max(bottom, n.y + this.kHeight);
    }
    return this.nodes.length ? [left, right, bottom] : [0, 1, 1];
  },
  // The whole, or its width, where that can still be read.
  fit(readable) {
    const box = this.canvas.parentElement.getBoundingClientRect(), [left, right, bottom] = this.bounds();
    this.scale = Math.min(1.2, (box.width - 60) / (right - left), (box.height - 120) / bottom);
    if (readable) this.scale = Math.max(this.scale, 0.85);
    const middle = readable && this.nodes.length ? this.nodes[0].x : (left + right) / 2;
    this.dx = box.width / 2 - middle * this.scale;
    this.dy = 64;
  },
  zoom(by, x, y) {
    const box = this.canvas.parentElement.getBoundingClientRect();
    x = x === undefined ? box.width / 2 : x;
    y = y === undefined ? box.height / 2 : y;
    const scale = Math.max(0.02, Math.min(3, this.scale * by));
    this.dx = x - (x - this.dx) * scale / this.scale;
    this.dy = y - (y - this.dy) * scale / this.scale;
    this.scale = scale;
    this.draw();
  },
  wheel(e) {
    e.preventDefault();
    if (e.ctrlKey || e.metaKey) return this.zoom(Math.exp(-e.deltaY / 300), e.offsetX, e.offsetY);
    this.dx -= e.shiftKey ? e.deltaY : e.deltaX;
    this.dy -= e.shiftKey ? 0 : e.deltaY;
    this.draw();
  },
  press(e) {
    const x = e.clientX, y = e.clientY, dx = this.dx, dy = this.dy;
    let moved = false;
    this.canvas.setPointerCapture(e.pointerId);
    const move = (m) => {
      moved = moved || Math.hypot(m.clientX - x, m.clientY - y) > 3;
      this.dx = dx + m.clientX - x;
      this.dy = dy + m.clientY - y;
      this.draw();
    };
    const up = () => {
      this.canvas.removeEventListener('pointermove', move);
      this.canvas.removeEventListener('pointerup', up);
      if (!moved) this.click(this.at(e.offsetX, e.offsetY));
    };
    this.canvas.addEventListener('pointermove', move);
    this.canvas.addEventListener('pointerup', up);
  },
  at(px, py) {
    const x = (px - this.dx) / this.scale, y = (py - this.dy) / this.scale;
    return this.nodes.findIndex((n) => Math.abs(x - n.x) <= n.width / 2 && y >= n.y && y <= n.y + this.kHeight);
  },
  point(e) {
    const at = this.at(e.offsetX, e.offsetY);
    this.canvas.style.cursor = at >= 0 ? 'pointer' : 'grab';
    if (at < 0) return tip(e, '');
    const node = this.nodes[at], i = this.method.code[node.instructions[0]];
    tip(e, node.instructions.length > 1 ? `${node.title}\n${node.instructions.length} instructions; click to open`
      : [i.op, i.o.map((o) => valueText(this.method, o)).join(', '), whereText(i)].filter(Boolean).join('\n'));
  },
  click(at) {
    if (at < 0) return;
    const node = this.nodes[at];
    if (node.instructions.length > 1) {
      this.open.add(node.id);
      this.rebuildAround(node.instructions[0], node);
    }
    select(node.instructions[0]);
  },
  close(group) {
    const first = this.nodes.find((n) => n.group === group);
    this.open.delete(group);
    if (first) this.rebuildAround(first.instructions[0], first);
  },
  // The node of that instruction stays where it is on the screen.
  rebuildAround(instruction, old) {
    const x = old.x, y = old.y;
    this.build();
    const node = this.nodes[this.of[instruction]];
    this.dx += (x - node.x) * this.scale;
    this.dy += (y - node.y) * this.scale;
    this.draw();
  },
  reveal(instruction) {
    const node = this.nodes[this.of[instruction]], box = this.canvas.parentElement.getBoundingClientRect();
    const x = node.x * this.scale + this.dx, y = node.y * this.scale + this.dy;
    if (x < 40 || x > box.width - 40 || y < 50 || y > box.height - 60) {
      this.scale = Math.max(this.scale, 0.5);
      this.dx = box.width / 2 - node.x * this.scale;
      this.dy = box.height / 2 - node.y * this.scale;
    }
    this.draw();
  },
  draw() {
    const [c, w, h] = sized(this.canvas), s = this.scale, on = selected >= 0 ? this.of[selected] : -1;
    const X = (x) => x * s + this.dx, Y = (y) => y * s + this.dy, half = this.kHeight / 2;
    const most = Math.max(1e-9, ...this.nodes.map((n) => n.us));
    const pass = (chosen) => this.edges.forEach(([a, b], k) => {
      const isIn = b === on, isOut = a === on;
      if ((isIn || isOut) !== chosen) return;
      const route = this.routes[k];
      if (Y(route[route.length - 1][1]) < -50 || Y(route[0][1]) > h + 50) return;
      c.strokeStyle = isIn ? css('--in') : isOut ? css('--out') : css('--edge');
      c.lineWidth = chosen ? 2 : 1;
      c.beginPath();
      for (let i = 1; i < route.length; ++i) {
        const y0 = Y(route[i - 1][1] + (i === 1 ? this.kHeight : half)), y1 = Y(route[i][1] + (i === route.length - 1 ? 0 : half));
        const x0 = X(route[i - 1][0]), x1 = X(route[i][0]), m = (y0 + y1) / 2;
        if (i === 1) c.moveTo(x0, y0);
        c.bezierCurveTo(x0, m, x1, m, x1, y1);
      }
      c.stroke();
    });
    pass(false);
    pass(true);
    c.textBaseline = 'middle';
    this.nodes.forEach((n, k) => {
      const x = X(n.x - n.width / 2), y = Y(n.y), nw = n.width * s, nh = this.kHeight * s;
      if (x > w || x + nw < 0 || y > h || y + nh < 0) return;
      const first = this.method.code[n.instructions[0]], many = n.instructions.length > 1;
      c.fillStyle = css('--node');
      c.fillRect(x, y, nw, nh);
      if (n.us > 0) {
        c.globalAlpha = 0.55 * Math.sqrt(n.us / most);
        c.fillStyle = css('--warm');
        c.fillRect(x, y, nw, nh);
        c.globalAlpha = 1;
      }
      c.fillStyle = many ? css('--soft') : colorOf(first.op, 1);
      c.fillRect(x, y, Math.max(2, 5 * s), nh);
      c.strokeStyle = k === on ? css('--accent') : css('--line');
      c.lineWidth = k === on ? 2.5 : 1;
      c.strokeRect(x, y, nw, nh);
      if (s < 0.28) return;
      c.fillStyle = css('--text');
      c.font = `${many ? '600 ' : ''}${12 * s}px ui-monospace, Menlo, Consolas, monospace`;
      c.fillText(n.line1, x + 11 * s, y + 13 * s);
      c.fillStyle = css('--soft');
      c.font = `${11 * s}px ui-monospace, Menlo, Consolas, monospace`;
      c.fillText(n.line2, x + 11 * s, y + 28 * s);
    });
    if (!this.nodes.length) {
      c.fillStyle = css('--soft');
      c.fillText('This method has no instructions.', 40, 90);
    }
  },
};
