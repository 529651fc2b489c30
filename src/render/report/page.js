'use strict';
// The state of the page is the counterexample and the step; both are in the address (#cx=..&step=..).
const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);
const make = (tag, text, cls) => {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (cls) e.className = cls;
  return e;
};
const row = (cells, tag = 'td') => {
  const tr = make('tr');
  for (const c of cells) tr.append(c instanceof Node ? c : make(tag, c));
  return tr;
};
const tableOf = (heads, rows) => {
  const t = make('table'), head = make('thead'), body = make('tbody');
  const hr = row(heads, 'th');
  hr.querySelectorAll('th').forEach((th) => { th.scope = 'col'; });
  head.append(hr);
  body.append(...rows);
  t.append(head, body);
  return t;
};
let at = { cx: 0, step: 0 };
const cx = () => data.counterexamples[at.cx];

function fromAddress() {
  const p = new URLSearchParams(location.hash.slice(1));
  const named = data.counterexamples.findIndex((c) => c.check === p.get('cx'));
  const next = named >= 0 ? named : at.cx;
  const n = data.counterexamples[next] ? data.counterexamples[next].events.length : 0;
  const step = p.has('step') ? parseInt(p.get('step'), 10) || 0 : (named >= 0 ? 0 : at.step);
  return { cx: next, step: Math.max(0, Math.min(step, n)) };
}
function go(step) {
  at.step = Math.max(0, Math.min(step, cx().events.length));
  history.replaceState(null, '', address());
  draw();
}
const address = () => '#cx=' + encodeURIComponent(cx().check) + '&step=' + at.step;

function choose() {
  const c = cx();
  $('pick').value = String(at.cx);
  const v = $('verdict');
  v.replaceChildren(make('span', 'VIOLATED ' + c.property + ' (' + c.kind + '). ', 'bad'), c.message);
  const facts = [['why', c.why.join(' ')], ['nearest pass', c.nearest || 'no passing schedule is known nearby'],
    ['minimal', c.minimal || 'not certified'], ['found by', c.engine + ', after ' + c.executions + ' executions that held'],
    ['fingerprint', c.fingerprint], ['again', 'selvedge check ' + c.model + '/' + c.variant + ' --out DIR; selvedge replay DIR/FILE']];
  $('facts').replaceChildren(...facts.flatMap(([k, x]) => [make('dt', k), make('dd', x)]));
  const rows = c.events.map((e, i) => {
    const tr = row([make('td', String(i + 1) + (c.critical.includes(i) ? ' ◆' : ''), 'n')]);
    c.threads.forEach((_, t) => {
      const td = make('td', t === e.t ? e.text : '', 'code');
      if (t === e.t) td.dataset.cell = '';
      tr.append(td);
    });
    tr.append(make('td', e.at.split('/').pop(), 'code soft'));
    tr.addEventListener('click', () => go(i + 1));
    return tr;
  });
  $('steps').replaceChildren(tableOf(['step', ...c.threads.map((t) => t.name), 'at'], rows));
  const foot = c.threads.map((t) => t.waits || '');
  if (foot.some(Boolean)) {
    const tr = row(['then', ...foot, '']);
    tr.classList.add('soft');
    $('steps').querySelector('tbody').append(tr);
  }
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('aria-hidden', 'true');
  $('steps').append(svg);
  $('slider').max = String(c.events.length);
  $('text').textContent = c.text;
  const mine = data.checks.filter((r) => r.model === c.model && r.variant === c.variant);
  $('evidence').replaceChildren(tableOf(['engine', 'verdict', 'expected', 'executions', 'seconds', ''], mine.map(gateCells)));
  outcomes(c);
}
const gateCells = (r) => row([r.engine, r.verdict, r.expected, String(r.executions), r.seconds.toFixed(2),
  make('td', r.as_declared ? '✓ as declared' : '✗ DIFFERS', r.as_declared ? 'good' : 'bad')]);

// Per variant of the model: what was seen, with the author's grade. Never seen by an exhaustive engine is impossible.
function outcomes(c) {
  const model = data.models.find((m) => m.name === c.model);
  const box = $('outcomes');
  box.replaceChildren();
  const rows = [];
  for (const r of data.checks.filter((x) => x.model === c.model && x.outcomes.length + (model ? model.outcomes.length : 0))) {
    const seen = new Map(r.outcomes);
    const total = [...seen.values()].reduce((a, b) => a + b, 0);
    const graded = model ? model.outcomes : [];
    const words = [...new Set([...graded.map((o) => o.word), ...seen.keys()])];
    for (const w of words) {
      const g = graded.find((o) => o.word === w);
      const n = seen.get(w) || 0;
      const whole = r.verdict === 'exhausted';
      const share = n ? (100 * n / total).toFixed(n === total ? 0 : 2) + ' %' : (whole ? 'impossible (exhaustive)' : 'not seen');
      const tr = row([r.variant, r.engine + (whole ? ', exhaustive' : ''), w, g ? g.grade : 'ungraded', share, g ? g.sentence : '']);
      const witness = data.counterexamples.findIndex((x) => x.check === r.check);
      if (g && g.grade === 'forbidden' && witness >= 0) {
        const a = make('a', 'its counterexample');
        a.href = '#cx=' + encodeURIComponent(r.check) + '&step=0';
        tr.lastChild.append(' ', a);
      }
      rows.push(tr);
    }
  }
  box.append(rows.length ? tableOf(['variant', 'engine', 'outcome', 'grade', 'share of executions', 'meaning'], rows)
    : make('p', 'This model grades no outcomes.', 'soft'));
}

function draw() {
  const c = cx(), n = at.step, e = c.events[n - 1];
  $('slider').value = String(n);
  $('where').textContent = 'step ' + n + ' of ' + c.events.length + (n === c.events.length ? ': ' + c.property + ' is violated' : '');
  $('link').href = address();
  const trs = [...$('steps').querySelectorAll('tbody tr')];
  trs.forEach((tr, i) => {
    tr.classList.toggle('now', i === n - 1);
    tr.classList.toggle('later', i >= n);
    if (i === n - 1) tr.setAttribute('aria-current', 'step'); else tr.removeAttribute('aria-current');
  });
  const box = $('steps'), tr = trs[n - 1];
  if (tr && (tr.offsetTop < box.scrollTop + 40 || tr.offsetTop + tr.offsetHeight > box.scrollTop + box.clientHeight)) {
    box.scrollTop = tr.offsetTop - box.clientHeight / 2;
  }
  arrow(c, n, trs);
  const state = new Map();
  c.events.slice(0, n).forEach((x, i) => {
    if (!x.object) return;
    if (x.wrote !== null) state.set(x.object, [x.wrote, i]);
    else if (/^(rw-)?(try-)?(rw-)?lock$/.test(x.op) && !x.text.endsWith('busy')) state.set(x.object, ['held by ' + c.threads[x.t].name, i]);
    else if (/unlock$/.test(x.op)) state.set(x.object, ['free', i]);
  });
  const rows = [...state].map(([o, [v, i]]) => {
    const changed = i === n - 1;
    const r = row([o, v, changed ? '● changed' : '']);
    if (changed) r.className = 'changed';
    return r;
  });
  $('state').replaceChildren(rows.length ? tableOf(['object', 'value', ''], rows) : make('p', 'nothing has been written', 'soft'));
  $('source').textContent = e ? source(e.at, c.threads[e.t].name + ': ' + e.text) : '';
}
function source(where, what) {
  const cut = where.lastIndexOf(':'), file = where.slice(0, cut), line = parseInt(where.slice(cut + 1), 10);
  const lines = data.sources[file] || {};
  const out = ['--> ' + where];
  for (let i = line - 2; i <= line + 2; i++) if (lines[i] !== undefined) out.push((i === line ? '> ' : '  ') + i + ' | ' + lines[i]);
  return out.concat('', what).join('\n');
}
// From the write that a read reads from, or from the unlock that let a lock in.
function arrow(c, n, trs) {
  const svg = $('steps').querySelector('svg');
  svg.replaceChildren();
  const e = c.events[n - 1];
  if (!e) return;
  let from = e.from;
  if (from === null && /lock/.test(e.op) && !/unlock/.test(e.op)) {
    for (let i = n - 2; i >= 0; i--) if (c.events[i].object === e.object && /unlock/.test(c.events[i].op)) { from = i; break; }
  }
  if (from === null || from === undefined || !trs[from]) return;
  const cell = (i) => trs[i].querySelector('[data-cell]');
  const a = cell(from), b = cell(n - 1);
  const x = (td) => td.offsetLeft + 12, y = (td) => td.offsetTop + td.offsetHeight / 2;
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  line.setAttribute('d', `M ${x(a)} ${y(a) + 8} L ${x(b)} ${y(b) - 8} m -5 -6 l 5 6 l 5 -6`);
  line.setAttribute('fill', 'none');
  line.setAttribute('stroke', 'currentColor');
  line.setAttribute('stroke-width', '1.5');
  svg.append(line);
  $('where').textContent += '; ' + (e.from !== null ? 'reads from' : 'taken over from') + ' step ' + (from + 1);
}

function start() {
  const d = data.checks.filter((r) => !r.as_declared).length;
  $('summary').textContent = `${data.checks.length} checks, ${data.checks.length - d} as declared, ${d} not; selvedge ${data.version}, `
    + `${data.budget} budget, seed ${data.seed}. A proof covers the closed model and the facade's operations.`;
  $('gate').replaceChildren(tableOf(['variant', 'role', 'engine', 'verdict', 'executions', 'seconds', ''], data.checks.map((r) => {
    const i = data.counterexamples.findIndex((c) => c.check === r.check);
    const v = make('td', i < 0 ? r.verdict : undefined);
    if (i >= 0) { const a = make('a', r.verdict); a.href = '#cx=' + encodeURIComponent(r.check) + '&step=0'; v.append(a); }
    return row([r.model + '/' + r.variant, r.role, r.engine, v, String(r.executions), r.seconds.toFixed(2),
      make('td', r.as_declared ? '✓ as declared' : '✗ DIFFERS', r.as_declared ? 'good' : 'bad')]);
  })));
  if (!data.counterexamples.length) { $('verdict').textContent = 'No counterexample.'; return; }
  $('pick').replaceChildren(...data.counterexamples.map((c, i) => {
    const o = make('option', c.check + ': ' + c.property + ' (' + c.kind + ')');
    o.value = String(i);
    return o;
  }));
  $('pick').addEventListener('change', () => { at.cx = Number($('pick').value); choose(); go(0); });
  $('slider').addEventListener('input', () => go(Number($('slider').value)));
  $('first').addEventListener('click', () => go(0));
  $('back').addEventListener('click', () => go(at.step - 1));
  $('next').addEventListener('click', () => go(at.step + 1));
  $('last').addEventListener('click', () => go(cx().events.length));
  window.addEventListener('hashchange', () => { at = fromAddress(); choose(); draw(); });
  document.addEventListener('keydown', (k) => {
    if (k.altKey || k.ctrlKey || k.metaKey || ['SELECT', 'INPUT'].includes(k.target.tagName)) return;
    const moves = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    if (k.key in moves) go(at.step + moves[k.key]);
    else if (k.key === 'Home') go(0);
    else if (k.key === 'End') go(cx().events.length);
    else return;
    k.preventDefault();
  });
  at = fromAddress();
  choose();
  draw();
}
start();
