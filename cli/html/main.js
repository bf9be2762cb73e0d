'use strict';
const data = JSON.parse($('data').textContent);
const tabs = [['Graph', graphView], ['Memory', memoryView], ['Sizes', sizesView], ['Instructions', tableView], ['Program', fileView]];
let tab = 0, method = data.methods[0], selected = -1;

// What an instruction waits for: of the instructions that it reads from each once.
for (const m of data.methods) for (const c of m.code) c.p = [...new Set(c.q.filter((p) => p >= 0))];

function show() {
  const view = $('view');
  view.replaceChildren();
  tabs[tab][1].show(view, method);
  [...$('tabs').children].forEach((b, k) => b.setAttribute('aria-selected', String(k === tab)));
  details(method, selected);
}
function select(i) {
  if (!(i >= 0 && i < method.code.length)) return;
  selected = i;
  details(method, i);
  const view = tabs[tab][1];
  if (view.reveal) view.reveal(i);
  else if (view.draw) view.draw();
  remember();
}
// The address tells method, instruction and view: "#forward/12/Memory".
function remember() {
  try {
    history.replaceState(null, '', `#${encodeURIComponent(method.name)}/${selected}/${tabs[tab][0]}`);
  } catch (e) { /* a page from a file may have no history */ }
}
function setMethod(index) {
  if (data.methods[index] === method) return;
  method = data.methods[index];
  selected = -1;
  $('method').value = String(index);
  show();
}
function facts() {
  const instructions = method.code.length, arena = method.memory.reduce((s, m) => s + m.size, 0), box = $('facts');
  box.replaceChildren(...[['file', bytesText(data.bytes)], ['weights', bytesText(data.constants.reduce((s, c) => s + c.b, 0))],
                          ['arena', bytesText(arena)],
    ['instructions', String(instructions)], ['a run', method.profile ? timeText(method.profile.run_us) : '']]
    .filter(([, v]) => v).map(([k, v]) => el('span', {}, k + ' ', el('b', {}, v))));
}
function find(text, next) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean), n = method.code.length;
  if (!words.length) return;
  for (let k = next ? 1 : 0; k <= n; ++k) {
    const i = (Math.max(0, selected) + k) % n;
    if (words.every((w) => textOf(method, i).includes(w))) return select(i);
  }
}
function start() {
  document.title = data.file + ' · portfire inspect';
  $('title').textContent = data.file;
  $('tabs').append(...tabs.map(([name], k) => el('button', {role: 'tab', onclick: () => { tab = k; show(); remember(); }}, name)));
  $('method').append(...data.methods.map((m, k) => el('option', {value: String(k)}, m.name)));
  $('method').hidden = data.methods.length < 2;
  $('method').addEventListener('change', (e) => { setMethod(Number(e.target.value)); facts(); });
  $('search').addEventListener('input', (e) => find(e.target.value, false));
  $('search').addEventListener('keydown', (e) => { if (e.key === 'Enter') find(e.target.value, true); });
  $('theme').addEventListener('click', () => {
    const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === 'dark'
        : matchMedia('(prefers-color-scheme: dark)').matches;
    document.documentElement.dataset.theme = dark ? 'light' : 'dark';
    colors = {};
    show();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { colors = {}; show(); });
  addEventListener('resize', () => show());
  addEventListener('keydown', (e) => {
    if (e.target.matches && e.target.matches('input, select')) return;
    if (e.key === '/') { e.preventDefault(); $('search').focus(); }
    if (e.key === 'Escape') { selected = -1; show(); }
    if (e.key === 'j' || e.key === 'ArrowDown') select(selected + 1);
    if (e.key === 'k' || e.key === 'ArrowUp') select(selected - 1);
  });
  const [name, at, view] = location.hash.slice(1).split('/');
  let wanted = '';
  try { wanted = decodeURIComponent(name || ''); } catch (e) { /* no name of ours */ }
  const k = data.methods.findIndex((m) => m.name === wanted);
  if (k >= 0) method = data.methods[k];
  tab = Math.max(0, tabs.findIndex(([title]) => title === view));
  $('method').value = String(Math.max(0, k));
  facts();
  show();
  if (k >= 0 && Number(at) >= 0) select(Number(at));
}
start();
