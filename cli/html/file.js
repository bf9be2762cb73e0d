'use strict';
// What the program takes and gives, its state, delegates and segments.
const fileView = {
  show(view, method) {
    view.style.overflow = 'auto';
    const page = el('div', {class: 'page'});
    view.append(page);
    const table = (title, heads, rows) => {
      if (!rows.length) return;
      page.append(el('h2', {}, title), el('table', {}, el('tr', {}, ...heads.map((t) => el('th', {}, t))),
        ...rows.map((r) => el('tr', {}, ...r.map((c) => el('td', {class: 'mono'}, c))))));
    };
    table('inputs', ['name', 'type'], method.inputs);
    table('outputs', ['name', 'type'], method.outputs);
    table('sizes', ['symbol'], method.symbols.map((s) => [s]));
    const state = method.values.map((v, i) => [v, i]).filter(([v]) => v.r === 'state');
    table('state', ['name', 'type', 'size'], state.map(([v, i]) => [v.n || '%' + i, v.t, bytesText(v.b)]));
    const kinds = new Map();
    method.code.forEach((c, i) => {
      const k = kinds.get(c.op) || {count: 0, us: 0};
      k.count += 1;
      k.us += method.profile ? method.profile.rows[i].us : 0;
      kinds.set(c.op, k);
    });
    const sum = [...kinds.values()].reduce((s, k) => s + k.us, 0), p = method.profile;
    if (p) {
      const how = `${p.threads} thread${p.threads > 1 ? 's' : ''}, ${p.isa}`;
      page.append(el('h2', {}, 'time'), el('p', {}, `median of ${p.runs} runs on random inputs: ${timeText(p.run_us)}; ${how}`));
    }
    const share = (k) => el('span', {}, el('span', {class: 'share', style: {width: (sum ? 120 * k.us / sum : 0) + 'px'}}),
      ` ${(sum ? 100 * k.us / sum : 0).toFixed(1)}%`);
    table('operators', p ? ['count', 'time', 'share', 'operator'] : ['count', 'operator'],
      [...kinds].sort((a, b) => b[1].us - a[1].us || b[1].count - a[1].count)
        .map(([op, k]) => (p ? [String(k.count), timeText(k.us), share(k), op] : [String(k.count), op])));
    if (method.delegates.length) page.append(el('h2', {}, 'delegates'), ...method.delegates.map(delegate));
    table('memory', ['buffer', 'size', 'most in use', 'at instruction'],
          method.memory.map((m) => [String(m.id), bytesText(m.size), bytesText(m.peak), String(m.peak_at)]));
    table('named data', ['key', 'segment', 'size'], data.named.map((n) => [n.key, String(n.segment), bytesText(n.b)]));
    table('segments', ['segment', 'at', 'size'], data.segments.map((s, i) => [String(i), String(s.at), bytesText(s.b)]));
  },
};
