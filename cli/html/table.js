'use strict';
// Instructions as a table that sorts and filters; only the rows that are seen exist.
const tableView = {
  sort: 0, falling: false, method: null, kRow: 26,

  columns(method) {
    const types = (list) => list.map((v) => method.values[v].t || method.values[v].x).join(' ');
    const columns = [
      {title: '#', width: '52px', right: true, value: (i) => i},
      {title: 'operator', width: '230px', mono: true, value: (i) => method.code[i].op},
      {title: 'gives', width: '170px', mono: true, value: (i) => types(method.code[i].o)},
      {title: 'bytes', width: '86px', right: true, value: (i) => method.code[i].o.reduce((s, v) => s + (method.values[v].b || 0), 0),
       text: bytesText},
    ];
    if (method.profile) {
      const row = (i) => method.profile.rows[i];
      columns.push({title: 'time', width: '84px', right: true, value: (i) => row(i).us, text: timeText},
        {title: 'share', width: '60px', right: true, value: (i) => row(i).share, text: (v) => (100 * v).toFixed(1) + '%'},
        {title: 'GFLOP/s', width: '70px', right: true, value: (i) => row(i).gflops, text: (v) => (v ? v.toFixed(1) : '')},
        {title: 'GB/s', width: '60px', right: true, value: (i) => row(i).gbs, text: (v) => (v ? v.toFixed(1) : '')},
        {title: 'run by', width: '74px', value: (i) => row(i).by});
    }
    columns.push({title: 'takes', width: '300px', mono: true,
                  value: (i) => types(method.code[i].a.filter((v) => method.values[v].t || method.values[v].l))},
      {title: 'line', width: '150px', value: (i) => method.code[i].f}, {title: 'module', width: '220px', value: (i) => method.code[i].m});
    return columns;
  },
  show(view, method) {
    if (this.method !== method) {
      this.method = method;
      this.sort = 0;
      this.falling = false;
    }
    view.style.overflow = 'hidden';
    const columns = this.columns(method), grid = columns.map((c) => c.width).join(' ');
    const filter = el('input', {type: 'search', placeholder: 'filter', 'aria-label': 'filter', oninput: () => this.fill()});
    this.count = el('span', {class: 'legend'});
    const head = el('div', {class: 'head', style: {gridTemplateColumns: grid}}, ...columns.map((c, k) => el('span', {
      class: c.right ? 'right' : '', onclick: () => {
        this.falling = this.sort === k ? !this.falling : !!c.text;
        this.sort = k;
        this.fill();
      },
    }, c.title)));
    this.body = el('div', {style: {position: 'relative'}});
    this.scroller = el('div', {class: 'table', onscroll: () => this.rows()}, head, this.body);
    Object.assign(this, {filter, columnList: columns, grid});
    view.append(el('div', {class: 'bar'}, filter, this.count), this.scroller);
    this.fill();
  },
  fill() {
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean), column = this.columnList[this.sort];
    const matches = (i) => words.every((w) => textOf(this.method, i).includes(w));
    this.list = range(0, this.method.code.length).filter(matches);
    const key = new Map(this.list.map((i) => [i, column.value(i)])), sign = this.falling ? -1 : 1;
    this.list.sort((a, b) => {
      const x = key.get(a), y = key.get(b);
      return x < y ? -sign : x > y ? sign : a - b;
    });
    this.count.textContent = `${this.list.length} of ${this.method.code.length}`;
    this.body.style.height = this.list.length * this.kRow + 'px';
    this.scroller.scrollTop = 0;
    this.rows();
  },
  rows() {
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / this.kRow) - 10);
    const shown = this.list.slice(first, first + Math.ceil((this.scroller.clientHeight || 600) / this.kRow) + 20);
    this.body.replaceChildren(...shown.map((i, k) => el('div', {
      class: 'row' + (i === selected ? ' on' : ''), style: {top: (first + k) * this.kRow + 'px', gridTemplateColumns: this.grid},
          onclick: () => select(i),
    }, ...this.columnList.map((c) => {
      const v = c.value(i);
      return el('span', {class: (c.right ? 'right ' : '') + (c.mono ? 'mono' : '')}, c.text ? c.text(v) : String(v));
    }))));
  },
  draw() { if (this.body) this.rows(); },
};
// What an instruction is found by.
function textOf(method, i) {
  const c = method.code[i];
  return [i, c.op, c.f, c.m, c.c, ...c.o.concat(c.a).map((v) => (method.values[v].n || '') + ' ' +
                                                         (method.values[v].t || ''))].join(' ').toLowerCase();
}
