// Runs the script of an inspect page on a pretended page: every view is shown, instructions are chosen, and what the views
// compute is checked. Usage: node run_page.js PAGE.html
'use strict';
const assert = require('assert'), fs = require('fs'), vm = require('vm');

const page = fs.readFileSync(process.argv[2], 'utf8');
const scripts = [...page.matchAll(/<script([^>]*)>([^]*?)<\/script>/g)];
assert.strictEqual(scripts.length, 2);
const json = scripts[0][2], script = scripts[1][2];

class Element {
  constructor(tag) {
    Object.assign(this, {tag, children: [], listeners: {}, attributes: {}, style: {}, dataset: {}, parentElement: null, hidden: false});
    Object.assign(this, {value: '', scrollTop: 0, clientHeight: 600, clientWidth: 1000, offsetWidth: 50, offsetHeight: 20, text: ''});
  }
  setAttribute(k, v) { this.attributes[k] = String(v); }
  addEventListener(type, f) { (this.listeners[type] = this.listeners[type] || []).push(f); }
  removeEventListener(type, f) { this.listeners[type] = (this.listeners[type] || []).filter((g) => g !== f); }
  fire(type, event = {}) { for (const f of this.listeners[type] || []) f(Object.assign({target: this, preventDefault() {}}, event)); }
  append(...nodes) {
    for (const n of nodes) {
      assert.ok(n !== undefined && n !== null);
      if (n instanceof Element) n.parentElement = this;
      this.children.push(n);
    }
  }
  replaceChildren(...nodes) { this.children = []; this.append(...nodes); }
  get textContent() { return this.text + this.children.map((c) => (c instanceof Element ? c.textContent : String(c))).join(''); }
  set textContent(t) { this.text = String(t); this.children = []; }
  getBoundingClientRect() { return {left: 0, top: 0, width: 1000, height: 700}; }
  setPointerCapture() {}
  matches() { return false; }
  focus() {}
  getContext() {
    return new Proxy({}, {
      get: (_, name) => (...args) => {
        for (const a of args) assert.ok(typeof a !== 'number' || Number.isFinite(a), `${String(name)}(${args})`);
      }, set: () => true,
    });
  }
}
const byId = {};
for (const id of [...page.matchAll(/ id="([^"]+)"/g)].map((m) => m[1])) byId[id] = new Element('div');
byId.data.textContent = json;
const root = new Element('html');
const document = {getElementById: (id) => byId[id], createElement: (tag) => new Element(tag), querySelector: () => null,
                  documentElement: root, title: ''};
const context = vm.createContext({
  document, location: {hash: ''}, history: {replaceState() {}}, matchMedia: () => ({matches: false, addEventListener() {}}),
  getComputedStyle: () => ({getPropertyValue: () => ' #123456'}), addEventListener() {}, innerWidth: 1400, innerHeight: 900,
      devicePixelRatio: 2,
  console, Object, JSON, Math,
});
const run = (code) => vm.runInContext(code, context);
vm.runInContext(script, context);

const methods = JSON.parse(json).methods;
assert.strictEqual(byId.tabs.children.length, 5);
for (let m = 0; m < methods.length; ++m) {
  run(`setMethod(${m})`);
  for (const tab of byId.tabs.children) {
    tab.fire('click');
    for (let i = 0; i < methods[m].code.length; ++i) run(`select(${i})`);
    const last = methods[m].code[methods[m].code.length - 1];
    if (last) assert.ok(byId.details.textContent.includes(last.op), byId.details.textContent);
  }
  checkLayout();
  checkTable(m);
}
checkWheels();
run(`find('no such thing anywhere', false)`);

// Each instruction has a node, edges go down, nodes of a layer do not overlap, however much is collapsed.
function checkLayout() {
  byId.tabs.children[0].fire('click');
  for (const by of ['none', 'module', 'line'])
    for (const depth of [1, 3]) {
      const g = run(`graphView.by = '${by}'; graphView.depth = ${depth}; graphView.open.clear(); graphView.build(); graphView.draw(); graphView`);
      assert.strictEqual(g.nodes.reduce((s, n) => s + n.instructions.length, 0), run('method.code.length'));
      for (const [a, b] of g.edges) assert.ok(g.nodes[a].y < g.nodes[b].y);
      const layers = new Map();
      for (const n of g.nodes) layers.set(n.y, (layers.get(n.y) || []).concat([n]));
      for (const nodes of layers.values()) {
        nodes.sort((a, b) => a.x - b.x);
        for (let k = 1; k < nodes.length; ++k) assert.ok(nodes[k].x - nodes[k - 1].x >= (nodes[k].width + nodes[k - 1].width) / 2 - 1e-6);
      }
      const closed = g.nodes.findIndex((n) => n.instructions.length > 1);
      if (closed < 0) continue;
      const before = g.nodes.length, first = g.nodes[closed].instructions[0];
      run(`graphView.click(${closed})`);
      assert.ok(g.nodes.length > before);
      run(`graphView.close(graphView.nodes[graphView.of[${first}]].group)`);
      assert.strictEqual(g.nodes.length, before);
    }
}

function checkTable(m) {
  byId.tabs.children[3].fire('click');
  const code = methods[m].code, columns = run('tableView.columnList.length');
  for (let k = 0; k < columns; ++k) {
    run(`tableView.sort = ${k}; tableView.falling = false; tableView.fill()`);
    const values = run(`tableView.list.map((i) => tableView.columnList[${k}].value(i))`);
    for (let i = 1; i < values.length; ++i) assert.ok(!(values[i] < values[i - 1]));
  }
  if (!code.length) return;
  run(`tableView.filter.value = ${JSON.stringify(code[0].op)}; tableView.fill()`);
  assert.ok(run('tableView.list.includes(0)'));
  run(`tableView.filter.value = 'no such thing anywhere'; tableView.fill()`);
  assert.strictEqual(run('tableView.list.length'), 0);
}

function checkWheels() {
  for (const [tab, view] of [[0, 'graphView'], [1, 'memoryView']]) {
    byId.tabs.children[tab].fire('click');
    const canvas = run(`${view}.canvas`);
    if (!canvas) continue;
    for (const event of [{deltaX: 0, deltaY: 50}, {deltaX: 0, deltaY: -500, ctrlKey: true}, {deltaX: 30, deltaY: 0},
                         {deltaX: 0, deltaY: 20, shiftKey: true}])
      canvas.fire('wheel', Object.assign({offsetX: 300, offsetY: 300}, event));
    canvas.fire('pointermove', {offsetX: 300, offsetY: 300, clientX: 300, clientY: 300});
    canvas.fire('click', {offsetX: 300, offsetY: 300});
  }
}
