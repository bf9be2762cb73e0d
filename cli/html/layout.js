'use strict';
// Graphs as layers: pure functions, no page.

// Nodes of a method: instructions, and in place of runs of them that share a module (to `depth` names of its path) or a line
// of Python, one node that can be opened. Runs are of consecutive instructions, so what is left is acyclic.
function groupNodes(method, by, depth, open) {
  const keyOf = (i) => {
    if (by === 'line') return i.f;
    if (by === 'module' && i.m) return i.m.split('.').slice(0, depth).join('.');
    return '';
  };
  const nodes = [], of = new Array(method.code.length);
  for (let begin = 0; begin < method.code.length;) {
    const key = keyOf(method.code[begin]);
    let end = begin + 1;
    while (key && end < method.code.length && keyOf(method.code[end]) === key) ++end;
    const id = key + '@' + begin;
    if (end - begin > 1 && !open.has(id)) {
      for (let i = begin; i < end; ++i) of[i] = nodes.length;
      nodes.push({id, title: key, instructions: range(begin, end)});
    } else {
      for (let i = begin; i < end; ++i) {
        of[i] = nodes.length;
        nodes.push({id: 'i' + i, title: '', instructions: [i], group: end - begin > 1 ? id : ''});
      }
    }
    begin = end;
  }
  const seen = new Set(), edges = [];
  method.code.forEach((instruction, i) => {
    for (const p of instruction.p) {
      const key = of[p] + ',' + of[i];
      if (of[p] === of[i] || p >= i || seen.has(key)) continue;
      seen.add(key);
      edges.push([of[p], of[i]]);
    }
  });
  return {nodes, edges, of};
}
function range(begin, end) {
  return Array.from({length: end - begin}, (_, k) => begin + k);
}

// Places nodes: sets x (the middle) and y (the top) from width; gives for each edge the points that it goes through. Layers by
// the longest way from a source; long edges go through a place in each layer between; the order within layers by the mean of
// neighbours, a few times up and down.
function layOut(nodes, edges, gapX, gapY, height) {
  const n = nodes.length, layer = new Array(n).fill(0);
  for (const [a, b] of edges) layer[b] = Math.max(layer[b], layer[a] + 1);  // edges come in the order of b
  const layers = [], points = [], before = [], after = [], routes = [];
  const put = (l, width) => {
    const id = points.length;
    points.push({layer: l, width, x: 0});
    before.push([]);
    after.push([]);
    (layers[l] = layers[l] || []).push(id);
    return id;
  };
  for (let i = 0; i < n; ++i) put(layer[i], nodes[i].width);
  let budget = 20000;  // of places for long edges
  for (const [a, b] of edges) {
    const route = [a], span = layer[b] - layer[a];
    if (span - 1 <= budget) {
      for (let l = layer[a] + 1; l < layer[b]; ++l) route.push(put(l, 10));
      budget -= span - 1;
    }
    route.push(b);
    for (let k = 1; k < route.length; ++k) {
      after[route[k - 1]].push(route[k]);
      before[route[k]].push(route[k - 1]);
    }
    routes.push(route);
  }
  for (let l = 0; l < layers.length; ++l) layers[l] = layers[l] || [];
  const mean = (ids) => ids.reduce((s, i) => s + points[i].x, 0) / ids.length;
  const spread = (ids, wanted) => {  // in the order of what they want, without overlap, as near to that as a common shift gets
    const order = ids.map((id, k) => ({id, want: wanted[k], k})).sort((a, b) => a.want - b.want || a.k - b.k);
    let right = -Infinity, shift = 0;
    for (const o of order) {
      const half = points[o.id].width / 2;
      points[o.id].x = Math.max(o.want, right + gapX + half);
      right = points[o.id].x + half;
      shift += points[o.id].x - o.want;
    }
    for (const o of order) points[o.id].x -= shift / order.length;
    return order.map((o) => o.id);
  };
  for (let turn = 0; turn < 6; ++turn) {
    const down = turn % 2 === 0;
    for (let k = 0; k < layers.length; ++k) {
      const l = down ? k : layers.length - 1 - k, neighbours = down ? before : after;
      layers[l] = spread(layers[l], layers[l].map((id) => (neighbours[id].length ? mean(neighbours[id]) : points[id].x)));
    }
  }
  for (let i = 0; i < n; ++i) {
    nodes[i].x = points[i].x;
    nodes[i].y = layer[i] * (height + gapY);
  }
  return routes.map((route) => route.map((id) => [points[id].x, points[id].layer * (height + gapY)]));
}
