'use strict';
// Helpers of all views. Text of the file gets into the page as text nodes and canvas text only, never as markup.
const $ = (id) => document.getElementById(id);
function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes || {})) {
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
    else if (k === 'style') Object.assign(e.style, v);
    else e.setAttribute(k, v);
  }
  for (const c of children) if (c !== null && c !== undefined) e.append(c);
  return e;
}
function bytesText(n) {
  if (n < 4096) return n + ' bytes';
  if (n < 1048576) return (n / 1024).toFixed(1) + ' KiB';
  return (n / 1048576).toFixed(1) + ' MiB';
}
function timeText(us) {
  return us >= 1000 ? (us / 1000).toFixed(2) + ' ms' : us.toFixed(2) + ' µs';
}
const shortName = (op) => op.replace(/^[\w]+::/, '');
// One colour for one operator, the same in every view.
const hues = new Map();
function hueOf(op) {
  if (!hues.has(op)) {
    let h = 2166136261;
    for (const c of shortName(op).replace(/[._].*$/, '')) h = Math.imul(h ^ c.charCodeAt(0), 16777619);
    hues.set(op, (h >>> 0) % 360);
  }
  return hues.get(op);
}
const colorOf = (op, alpha) => `hsl(${hueOf(op)} 55% ${css('--light')} / ${alpha})`;
let colors = {};
function css(name) {
  if (!(name in colors)) colors[name] = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return colors[name];
}
function tip(event, text) {
  const t = $('tip');
  t.hidden = !text;
  if (!text) return;
  t.textContent = text;
  t.style.left = Math.min(event.clientX + 14, innerWidth - t.offsetWidth - 8) + 'px';
  t.style.top = Math.min(event.clientY + 14, innerHeight - t.offsetHeight - 8) + 'px';
}
// A canvas that fills its parent at the screen's resolution; gives the context and its size.
function sized(canvas) {
  const box = canvas.parentElement.getBoundingClientRect(), ratio = devicePixelRatio || 1;
  const w = Math.max(1, Math.floor(box.width)), h = Math.max(1, Math.floor(box.height));
  canvas.width = w * ratio;
  canvas.height = h * ratio;
  canvas.style.width = w + 'px';
  canvas.style.height = h + 'px';
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, w, h);
  return [context, w, h];
}
// "%3 name f32[2,4]"
function valueText(method, v) {
  const value = method.values[v];
  if (value.x !== undefined) return value.x;
  return '%' + v + (value.n ? ' ' + value.n : '') + ' ' + value.t;
}
function whereText(i) {
  return i.f + (i.f && i.m ? ', ' : '') + i.m;
}
