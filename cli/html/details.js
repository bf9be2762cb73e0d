'use strict';
// One instruction, all of it.
function details(method, index) {
  const panel = $('details');
  panel.replaceChildren();
  if (index < 0) return;
  const i = method.code[index], profile = method.profile && method.profile.rows[index];
  const link = (to, text) => el('a', {class: 'link', onclick: () => select(to)}, text);
  const place = (v) => {
    const value = method.values[v];
    const parts = [value.r === 'plain' || value.r === 'computed' ? '' : value.r, value.b !== undefined ? bytesText(value.b) : ''];
    if (value.m) parts.push(`memory ${value.m} + ${value.o}, instructions ${value.f} to ${value.u}`);
    if (value.s) parts.push('shows ' + value.s.map((s) => '%' + s).join(', '));
    return parts.filter(Boolean).join(', ');
  };
  const line = (v, name, more) => el('div', {class: 'item'}, name ? el('span', {class: 'soft'}, name + ' ') : null,
                                     el('code', {}, valueText(method, v)),
    el('div', {class: 'soft'}, place(v), ...more));
  panel.append(el('h2', {class: 'op'}, `${index}  ${i.op}`));
  const facts = el('dl', {});
  const fact = (name, text) => { if (text) facts.append(el('dt', {}, name), el('dd', {}, text)); };
  fact('line', i.f);
  fact('module', i.m);
  if (i.k === 'jump')
    facts.append(el('dt', {}, 'goes to'), el('dd', {}, i.t < method.code.length ? link(i.t, String(i.t)) : 'the end', ' unless'));
  if (profile) {
    fact('time', `${timeText(profile.us)}, ${(100 * profile.share).toFixed(1)}% of all`);
    fact('run by', profile.by);
    fact('rates', [profile.gflops ? profile.gflops.toFixed(1) + ' GFLOP/s' : '', profile.gbs ? profile.gbs.toFixed(1) + ' GB/s' : '',
      profile.roof ? Math.round(100 * profile.roof) + '% of the roof' : ''].filter(Boolean).join(', '));
  }
  panel.append(facts);
  if (i.c) panel.append(el('pre', {}, i.c));
  if (i.a.length) panel.append(el('h2', {}, 'takes'));
  i.a.forEach((v, k) => {
    const items = method.values[v].l || [v], from = [];
    for (const item of items) {
      const r = i.r.indexOf(item), p = r >= 0 ? i.q[r] : -1;
      if (p >= 0 && p < method.code.length) from.push(' from ', link(p, `${p} ${method.code[p].op}`));
    }
    panel.append(line(v, i.an[k] || '', from));
  });
  if (i.o.length) panel.append(el('h2', {}, 'gives'));
  for (const v of i.o) {
    const users = usersOf(method).get(index + ',' + v) || [];
    const links = users.slice(0, 12).flatMap((u) => [' to ', link(u, `${u} ${method.code[u].op}`)]);
    panel.append(line(v, '', users.length > 12 ? links.concat(` and ${users.length - 12} more`) : links));
  }
  const node = graphView.method === method && graphView.nodes ? graphView.nodes[graphView.of[index]] : null;
  if (node && node.group)
    panel.append(el('p', {}, el('button', {onclick: () => graphView.close(node.group)}, 'collapse ' + node.group.replace(/@\d+$/, ''))));
  if (i.k === 'delegate') panel.append(el('h2', {}, 'delegate'), delegate(method.delegates[i.t]));
}
// Readers of each value that each instruction writes.
function usersOf(method) {
  if (method.users) return method.users;
  method.users = new Map();
  method.code.forEach((c, u) => c.r.forEach((v, k) => {
    if (c.q[k] < 0) return;
    for (const o of method.code[c.q[k]].o) {
      const value = method.values[v];
      if (o !== v && !(value.m && value.m === method.values[o].m)) continue;
      const key = c.q[k] + ',' + o;
      if (!method.users.has(key)) method.users.set(key, []);
      if (!method.users.get(key).includes(u)) method.users.get(key).push(u);
    }
  }));
  return method.users;
}
function delegate(d) {
  const box = el('div', {}, el('div', {}, `${d.id}, ${bytesText(d.b)}`));
  for (const [key, value] of d.specs) box.append(el('div', {class: 'item'}, el('code', {}, `${key} = ${value}`)));
  if (d.text) box.append(el('pre', {}, d.text));
  return box;
}
