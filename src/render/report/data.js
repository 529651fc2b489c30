'use strict';
// The data of the page, and small helpers to make elements. All text goes in as text, never as markup.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const data = read('data'), seconds = read('seconds');
const $ = (id) => document.getElementById(id);

function make(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes || {})) {
    if (v === undefined || v === null || v === false) continue;
    if (k === 'on') for (const [event, f] of Object.entries(v)) e.addEventListener(event, f);
    else e.setAttribute(k, v === true ? '' : v);
  }
  e.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false && c !== ''));
  return e;
}
const span = (cls, ...text) => make('span', { class: cls }, ...text);
const count = (n, one, many) => n.toLocaleString('en') + ' ' + (n === 1 ? one : many || one + 's');

function table(caption, heads, rows, cls) {
  return make('table', { class: cls }, make('caption', { class: 'hidden' }, caption),
    make('thead', {}, make('tr', {}, heads.map((h) => make('th', { scope: 'col' }, h)))), make('tbody', {}, rows));
}

// Logs come as rows of numbers, texts by their place in one list: the same texts come again and again.
const string = (n) => (n < 0 ? null : data.strings[n]);
const decode = (events) => events.map(([t, op, object, text, at, wrote, from, missed, note]) => ({
  t, op: string(op), object: string(object), text: string(text), at: string(at), wrote: string(wrote),
  from: from < 0 ? null : from, missed: missed < 0 ? null : missed, note: string(note) }));

const READS = ['load', 'cas', 'rmw', 'plain-load', 'read-begin'];
const LOCKS = ['lock', 'try-lock', 'rw-lock', 'try-rw-lock'];
const takes = (e) => LOCKS.includes(e.op) && !e.text.endsWith('busy');
const gives = (e) => e.op === 'unlock' || e.op === 'rw-unlock';

// What each step depends on in another thread: the write that it reads, the lock or the signal that let it go on, its birth.
function sources(events, names) {
  const last = (i, test) => { for (let j = i - 1; j >= 0; j--) if (test(events[j])) return j; return null; };
  return events.map((e, i) => {
    const same = (o) => o.object === e.object;
    let from = null, how = '';
    if (READS.includes(e.op)) {
      how = 'reads what';
      from = e.from !== null ? e.from : e.missed !== null ? null : last(i, (o) => same(o) && (o.wrote !== null || o.op === 'write-begin'));
    } else if (takes(e)) {
      how = 'takes over from';
      from = last(i, (o) => same(o) && gives(o));
    } else if (e.op === 'wait') {
      how = 'was woken by';
      from = e.text.endsWith('timed out') ? null : last(i, (o) => same(o) && o.op === 'notify');
    } else if (e.op === 'park') {
      how = 'was woken by';
      from = last(i, (o) => o.text === 'unpark ' + names[e.t]);
    } else if (e.op === 'join') {
      how = 'waited for';
      from = last(i, (o) => o.op === 'exit' && 'join ' + names[o.t] === e.text);
    } else if (last(i, (o) => o.t === e.t) === null) {
      how = 'was spawned by';
      from = last(i, (o) => o.text === 'spawn ' + names[e.t]);
    }
    return from === null || events[from].t === e.t ? null : { from, how, read: how === 'reads what' };
  });
}

// The value of an atomic when it was made, from what the first to look saw, where the log does not say.
function initial(given, events) {
  const state = new Map(given || []), touched = new Set();
  for (const e of events) {
    if (!e.object || touched.has(e.object)) continue;
    const seen = e.op === 'load' ? /-> (\S+)/ : e.op === 'rmw' ? /(\S+)->/ : e.op === 'cas' ? /saw (\S+)| (\S+)->\S+ ok/ : null;
    const hit = seen && seen.exec(e.text);
    if (hit && !state.has(e.object)) state.set(e.object, hit[1] || hit[2]);
    if (seen || e.wrote !== null) touched.add(e.object);
  }
  return state;
}

// Pairs of places in two logs, in the order of both: as many steps as possible that do the same to the same object.
function aligned(a, b) {
  const key = (e) => e.t + '|' + e.op + '|' + e.object;
  const ka = a.map(key), kb = b.map(key), n = a.length, m = b.length;
  if (n * m > 4e6) return a.map((_, i) => [i, i < m ? i : null]);
  const best = Array.from({ length: n + 1 }, () => new Uint16Array(m + 1));
  for (let i = n - 1; i >= 0; i--) {
    for (let j = m - 1; j >= 0; j--) {
      best[i][j] = ka[i] === kb[j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
    }
  }
  const out = [];
  for (let i = 0, j = 0; i < n || j < m;) {
    if (i < n && j < m && ka[i] === kb[j]) out.push([i++, j++]);
    else if (j >= m || (i < n && best[i + 1][j] >= best[i][j + 1])) out.push([i++, null]);
    else out.push([null, j++]);
  }
  return out;
}
