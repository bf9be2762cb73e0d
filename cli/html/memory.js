'use strict';
// Planned memory over time: to the right instructions, downwards bytes. Below, the bytes in use.
const memoryView = {
  method: null, id: 1, from: 0, to: 1,

  show(view, method) {
    if (this.method !== method) {
      this.method = method;
      this.id = method.memory.reduce((best, m) => (!best || m.size > best.size ? m : best), null)?.id || 0;
      this.all();
    }
    view.style.overflow = 'hidden';
    if (!this.id || !method.code.length) return view.append(el('div', {class: 'empty'}, 'This method plans no memory.'));
    this.canvas = el('canvas', {'aria-label': 'memory over time'});
    const choice = el('select', {'aria-label': 'buffer', onchange: (e) => { this.id = Number(e.target.value); this.note(); this.draw(); }},
      ...method.memory.map((m) => el('option', {value: m.id}, `memory ${m.id}, ${bytesText(m.size)}`)));
    choice.value = this.id;
    this.text = el('span', {class: 'legend'});
    view.append(this.canvas, el('div', {class: 'bar'}, choice, el('button', {onclick: () => { this.all(); this.draw(); }}, 'all'),
                                this.text));
    this.canvas.addEventListener('wheel', (e) => this.wheel(e), {passive: false});
    this.canvas.addEventListener('pointermove', (e) => this.point(e));
    this.canvas.addEventListener('pointerleave', () => tip(null, ''));
    this.canvas.addEventListener('click', (e) => {
      const v = this.at(e.offsetX, e.offsetY);
      if (v >= 0) select(this.maker(v));
    });
    this.note();
    this.draw();
  },
  all() {
    this.from = 0;
    this.to = Math.max(1, this.method.code.length);
  },
  buffer() { return this.method.memory.find((m) => m.id === this.id); },
  note() {
    const m = this.buffer();
    const percent = m.size ? Math.round(100 * m.peak / m.size) : 0;
    this.text.textContent = `most in use ${bytesText(m.peak)} (${percent}%) at instruction ${m.peak_at}; the wheel zooms`;
  },
  // The first instruction that writes a value, or needs it.
  maker(v) {
    const i = this.method.code.findIndex((c) => c.o.includes(v));
    return i >= 0 ? i : this.method.values[v].f;
  },
  wheel(e) {
    e.preventDefault();
    const width = this.canvas.clientWidth - 90, at = this.from + (this.to - this.from) * Math.max(0, Math.min(1, (e.offsetX - 80) / width));
    if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
      const by = (e.deltaX || e.deltaY) / width * (this.to - this.from), n = this.method.code.length;
      const shift = Math.max(-this.from, Math.min(n - this.to, by));
      this.from += shift;
      this.to += shift;
    } else {
      const by = Math.exp(e.deltaY / 300);
      this.from = Math.max(0, at - (at - this.from) * by);
      this.to = Math.min(this.method.code.length, at + (this.to - at) * by);
      if (this.to - this.from < 4) this.to = Math.min(this.method.code.length, this.from + 4);
    }
    this.draw();
  },
  at(x, y) {
    let best = -1;
    for (const [v, left, top, width, height] of this.boxes)
      if (x >= left && x <= left + width && y >= top && y <= top + height &&
          (best < 0 || this.method.values[v].b <= this.method.values[best].b)) best = v;
    return best;
  },
  point(e) {
    const v = this.at(e.offsetX, e.offsetY);
    if (v < 0) return tip(e, '');
    const value = this.method.values[v], i = this.method.code[this.maker(v)];
    tip(e, [valueText(this.method, v), `${bytesText(value.b)} at ${value.o}, instructions ${value.f} to ${value.u}`,
      i ? `${i.op} ${whereText(i)}` : ''].join('\n'));
  },
  draw() {
    const [c, w, h] = sized(this.canvas), m = this.buffer(), {code, values} = this.method;
    const left = 80, right = w - 10, top = 54, chart = 70, bottom = h - chart - 44, high = Math.max(1, m.size);
    const X = (i) => left + (right - left) * (i - this.from) / (this.to - this.from), Y = (b) => top + (bottom - top) * b / high;
    c.font = '11px system-ui, sans-serif';
    c.textBaseline = 'middle';
    c.fillStyle = css('--soft');
    c.strokeStyle = css('--line');
    for (let k = 0; k <= 4; ++k) {
      const y = Y(high * k / 4);
      c.fillText(bytesText(Math.round(high * k / 4)), 8, y);
      c.beginPath();
      c.moveTo(left, y);
      c.lineTo(right, y);
      c.stroke();
    }
    this.boxes = [];
    c.save();
    c.beginPath();
    c.rect(left, top, right - left, bottom - top);
    c.clip();
    values.forEach((v, index) => {
      if (v.m !== this.id || v.f < 0 || v.s || !v.b) return;
      const x = X(v.f), width = X(v.u + 1) - x, y = Y(v.o), height = Math.max(1, Y(v.o + v.b) - y);
      if (x > right || x + width < left) return;
      const i = code[this.maker(index)], mine = selected >= 0 && code[selected].o.includes(index);
      c.fillStyle = i ? colorOf(i.op, 0.8) : css('--edge');
      c.fillRect(x, y, Math.max(1, width - 0.5), Math.max(1, height - 0.5));
      if (mine) {
        c.strokeStyle = css('--accent');
        c.lineWidth = 2;
        c.strokeRect(x, y, width, height);
      }
      if (width > 60 && height > 13) {
        c.fillStyle = css('--text');
        c.fillText((v.n || (i ? shortName(i.op) : '')).slice(0, Math.floor(width / 7)), x + 4, y + Math.min(height / 2, 9));
      }
      this.boxes.push([index, x, y, width, height]);
    });
    c.restore();
    // In use.
    const base = h - 26, Z = (b) => base - chart * b / high;
    c.strokeStyle = css('--accent');
    c.fillStyle = css('--soft');
    c.fillText('in use', 8, base - chart / 2);
    c.lineWidth = 1.5;
    c.beginPath();
    m.live.forEach((b, i) => {
      if (i < this.from - 1 || i > this.to + 1) return;
      const x0 = Math.max(left, X(i)), x1 = Math.min(right, X(i + 1));
      if (x1 < left || x0 > right) return;
      c.lineTo(x0, Z(b));
      c.lineTo(x1, Z(b));
    });
    c.stroke();
    const mark = (i, color) => {
      const x = X(i + 0.5);
      if (x < left || x > right) return;
      c.strokeStyle = color;
      c.setLineDash([3, 3]);
      c.beginPath();
      c.moveTo(x, top);
      c.lineTo(x, base);
      c.stroke();
      c.setLineDash([]);
    };
    mark(m.peak_at, css('--warm'));
    if (selected >= 0) mark(selected, css('--accent'));
    const step = Math.max(1, Math.round((this.to - this.from) / 8));
    for (let i = Math.ceil(this.from / step) * step; i < this.to; i += step) c.fillText(String(i), X(i + 0.5) - 6, h - 12);
  },
};
