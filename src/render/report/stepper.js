// The stepper: one execution in thread columns, beside it another one, step by step. A track is
// { title, threads, events, failing, critical, why, repeats, initial, ends, compare }.
const stepper = { track: null, step: 0, all: false, rows: [] };

// A plain access that nobody comes between reads as one step: the text of its beginning, if the end of it follows.
function whole(events, i) {
  const e = events[i], next = events[i + 1], kind = /^(read|write)-begin$/.exec(e.op);
  return kind && next && next.op === kind[1] + '-end' && next.t === e.t && next.object === e.object ? kind[1] + ' ' + e.object : null;
}

// Steps that only one thread can notice, or that say nothing: left out unless asked for.
function telling(track) {
  // The beginning of an access stands for all of it.
  const users = new Map(), named = (i) => track.critical.includes(i) || track.why.includes(i);
  const said = (i) => named(i) || whole(track.events, i) && named(i + 1);
  for (const e of track.events) {
    if (e.object) users.set(e.object, (users.get(e.object) || new Set()).add(e.t));
  }
  const kept = track.events.map((e, i) => {
    if (/-end$/.test(e.op)) return said(i) && !(i && whole(track.events, i - 1));
    if (said(i) || e.note || i === track.events.length - 1) return true;
    return !/^(spawn|exit|join|yield|arc-clone|arc-drop)$/.test(e.op) && (!e.object || users.get(e.object).size > 1);
  });
  return kept.filter(Boolean).length < 2 ? kept.map(() => true) : kept;
}

const visible = () => stepper.rows.filter((r) => r.i !== null && !r.tr.hidden);

function build(track) {
  stepper.track = track;
  const kept = telling(track), other = track.compare;
  const shown = (i) => stepper.all || kept[i];
  const keptThere = other ? telling(other) : [];
  const pairs = other ? aligned(track.events, other.events) : track.events.map((_, i) => [i, null]);
  const used = track.threads.map((_, t) => t).filter((t) => track.events.some((e) => e.t === t) || track.threads[t].next);
  track.columns = used;
  track.sources = sources(track.events, track.threads.map((t) => t.name));
  // A step of this log alone may be in the other one too, at another place.
  let place = -1;
  const alone = other ? pairs.filter(([i, j]) => i === null).map(([, j]) => j) : [];
  const moved = (e) => {
    const j = alone.find((k) => ['t', 'op', 'object'].every((x) => other.events[k][x] === e[x]));
    return j === undefined ? '' : j > place ? 'later' : 'earlier';
  };
  const lastMine = pairs.reduce((n, [i], k) => (i === null ? n : k), -1);
  stepper.rows = pairs.slice(0, lastMine + 1).map(([i, j]) => {
    const e = i === null ? null : track.events[i], o = j === null ? null : other.events[j];
    const folded = e && !stepper.all && whole(track.events, i);
    const told = (list) => e && (list.includes(i) || folded && list.includes(i + 1));
    const mark = told(track.critical) ? 'critical' : told(track.why) ? 'spoken' : '';
    const tr = make('tr', { class: [e ? 'mine' : 'theirs', mark, round(track, i) ? 'round' : ''].join(' ') },
      make('th', { scope: 'row', class: 'n' }, e ? String(i + 1) : '', mark ? span('mark', mark === 'critical' ? ' ◆' : ' ◇') : '', mark ? span('hidden', mark === 'critical' ? ' critical' : ' spoken of') : '',
        round(track, i) ? span('hidden', ' repeats') : ''),
      used.map((t) => make('td', { class: 'lane' }, e && e.t === t
        ? make('div', { class: 'event' }, span('dot'), e.note ? make('div', { class: 'note' }, e.note) : '', words(folded || e.text)) : '')));
    if (o) place = j;
    if (other) tr.append(compared(e, o, other, e && !o && moved(e)));
    tr.hidden = e ? !shown(i) && !(o && e.text !== o.text && keptThere[j]) : !(stepper.all || keptThere[j]);
    if (e) tr.addEventListener('click', () => go(i + 1));
    return { i, j, tr };
  });
  const rest = other ? pairs.length - lastMine - 1 : 0;
  const end = make('tr', { class: 'end ' + (track.failing ? 'bad' : 'good'), id: 'end' },
    make('th', { scope: 'row', class: 'n' }, track.failing ? '✗' : '✓'),
    make('td', { colspan: used.length, class: 'ends' }, track.threads.filter((t) => t.note).map((t) => make('div', { class: 'note' }, t.name + ': ' + t.note)), track.ends));
  if (other) end.append(make('td', { class: 'other' }, rest ? span('soft', '… ' + count(rest, 'more step') + ', then: ') : '', other.ends));
  const waiting = used.filter((t) => track.threads[t].next && track.failing);
  // Of a race, the second access has not been done: it is half of it.
  const half = (t) => t === track.thread && ['data-race', 'use-after-free'].includes(track.kind);
  const next = (t) => {
    const what = track.threads[t].next.replace(/ begins$/, '');
    if (half(t)) return [span('mark', '◆ '), make('strong', {}, 'here: ' + what)];
    // Who moves in the round that repeats is not stuck, even where it waits just now.
    const moves = track.events.some((e, i) => e.t === t && round(track, i));
    return track.stuck && what === 'yield' ? 'goes round again' : (track.stuck && !moves ? 'waits: ' : 'next: ') + what;
  };
  const then = waiting.length ? make('tr', { class: 'then' }, make('th', { scope: 'row', class: 'n soft' }, 'then'),
    used.map((t) => make('td', { class: 'lane soft' }, waiting.includes(t) ? next(t) : '')),
    other ? make('td', { class: 'other' }) : '') : '';
  const title = (t) => track.threads[t].name;
  const heads = ['step', ...used.map(title), ...(other ? [(other.failing ? '✗ ' : '✓ ') + other.title] : [])];
  const t = table(track.title + ', in thread columns, time downwards', heads, [...rounds(track, used.length + 1 + (other ? 1 : 0)), then, end], 'track');
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('aria-hidden', 'true');
  $('steps').replaceChildren(t, svg);
  const hidden = stepper.rows.filter((r) => r.i !== null && r.tr.hidden).length;
  $('all').hidden = !hidden && !stepper.all;
  $('all').setAttribute('aria-pressed', String(stepper.all));
  $('all').textContent = stepper.all ? 'only the telling steps' : 'all steps (+' + hidden + ')';
  $('swap').hidden = !other;
  $('swap').textContent = other ? '⇄ step through the ' + (other.failing ? 'failing' : 'passing') + ' one' : '';
  $('slider').max = String(visible().length);
}

// Is this step in the cycle that goes on for ever?
const round = (track, i) => track.repeats && i !== null && i >= track.repeats[0] && i <= track.repeats[1];

// The rows, with words before and after those that repeat.
function rounds(track, columns) {
  const rows = stepper.rows.map((r) => r.tr);
  if (!track.repeats) return rows;
  const [from, to] = track.repeats, place = (i) => stepper.rows.findIndex((r) => r.i === i);
  const say = (sign, text) => make('tr', { class: 'turn round' }, make('th', { scope: 'row', class: 'n' }, sign), make('td', { colspan: columns - 1 }, text));
  const steps = from === to ? 'step ' + (from + 1) + ' repeats' : 'steps ' + (from + 1) + ' to ' + (to + 1) + ' repeat';
  rows.splice(place(to) + 1, 0, say('↺', 'everything is as it was before step ' + (from + 1) + ': it goes round again'));
  rows.splice(place(from), 0, say('↻', 'from here on it goes round and round: ' + steps + ' for ever'));
  return rows;
}

// An operation with its object and values set apart: `store vserver = 2 (sc)`.
function words(text) {
  text = text.replaceAll('->', '→');
  const hit = /^(.*?)( \((?:rlx|acq|rel|acqrel|sc)\))(.*)$/.exec(text);
  return hit ? [hit[1], span('soft', hit[2]), hit[3] ? make('strong', {}, hit[3]) : ''] : [text];
}

// The cell of the other execution: the same, another value, only here, only there.
function compared(e, o, other, elsewhere) {
  if (e && o && e.text === o.text) return make('td', { class: 'other same' }, make('span', { title: 'the same step' }, '='), span('hidden', ' the same'));
  if (e && !o) return make('td', { class: 'other gone' }, span('sign', '–'), span('soft', elsewhere ? ' ' + elsewhere : ' never'));
  const who = other.threads[o.t].name + ': ';
  return make('td', { class: 'other differs' }, o.note ? make('div', { class: 'note' }, o.note) : '', span('sign', e ? '≠ ' : '+ '), span('soft', who), words(o.text));
}

// The step is a number of the log, whatever is hidden: 0 is before all, the last one is the end.
function draw() {
  const track = stepper.track, n = stepper.step, steps = track.events.length;
  let row = stepper.rows.find((r) => r.i === n - 1);
  if (row && row.tr.hidden) row.tr.hidden = false;
  $('slider').max = String(visible().length);
  const seen = visible(), place = seen.filter((r) => r.i < n).length;
  $('slider').value = String(place);
  for (const r of stepper.rows) {
    const now = r.i !== null && r.i === n - 1;
    r.tr.classList.toggle('now', now);
    r.tr.classList.toggle('later', r.i === null ? stepper.rows.indexOf(r) > stepper.rows.indexOf(row) : r.i >= n);
    if (now) r.tr.setAttribute('aria-current', 'step'); else r.tr.removeAttribute('aria-current');
  }
  $('end').classList.toggle('later', n < steps);
  const e = track.events[n - 1], src = e && track.sources[n - 1];
  let said = 'step ' + n + ' of ' + steps;
  if (e) said += ', ' + track.threads[e.t].name;
  if (src) said += '; ' + src.how + ' step ' + (src.from + 1) + ' (' + track.threads[track.events[src.from].t].name + ')' + (src.read ? ' wrote' : '');
  if (round(track, n - 1)) said += '; in the round that repeats for ever';
  if (e && e.missed !== null) said += '; does not see step ' + (e.missed + 1);
  if (n === steps) said += track.failing ? ': ' + track.failing + ' is violated' : ': the end';
  $('where').textContent = said;
  $('slider').setAttribute('aria-valuetext', said);
  state(track, n);
  // The end of a thread is in no line of the model: the log has the place that called its closure.
  $('source').replaceChildren(...(e && e.op === 'exit' ? [make('p', { class: 'soft' }, track.threads[e.t].name + ' ends.')] : e ? quote(e.at, track.threads[e.t].name + ': ' + e.text) : [make('p', { class: 'soft' }, 'Nothing has run yet. Press → for the first step.')]));
  follow(row);
  arrows();
}

function follow(row) {
  const box = $('steps'), event = row && row.tr.querySelector('.event');
  if (event && box.scrollWidth > box.clientWidth) {
    const cell = event.parentElement, right = cell.offsetLeft + cell.offsetWidth - box.clientWidth;
    if (cell.offsetLeft < box.scrollLeft || right > box.scrollLeft) box.scrollLeft = Math.min(cell.offsetLeft, Math.max(0, right));
  }
  if (stepper.step === stepper.track.events.length) box.scrollTop = box.scrollHeight;
  if (!row || box.scrollHeight <= box.clientHeight) { if (!row) box.scrollTop = 0; return; }
  const top = row.tr.offsetTop, head = 40;
  if (top - head < box.scrollTop) box.scrollTop = top - head;
  else if (top + row.tr.offsetHeight + head > box.scrollTop + box.clientHeight) box.scrollTop = top + row.tr.offsetHeight + head - box.clientHeight;
}

function state(track, n) {
  const now = initial(track.initial, track.events), changed = new Map();
  track.events.slice(0, n).forEach((e, i) => {
    if (!e.object) return;
    const set = (v) => { if (i === n - 1) changed.set(e.object, now.get(e.object)); now.set(e.object, v); };
    if (e.wrote !== null) set(e.wrote);
    else if (takes(e)) set('held by ' + track.threads[e.t].name);
    else if (gives(e)) set('free');
    else if (e.op === 'write-begin') set('being written by ' + track.threads[e.t].name);
    else if (e.op === 'write-end') set('written by ' + track.threads[e.t].name);
  });
  const rows = [...now].map(([o, v]) => make('tr', { class: changed.has(o) ? 'changed' : null }, make('th', { scope: 'row' }, o),
    make('td', {}, changed.has(o) && changed.get(o) !== undefined ? [span('soft', changed.get(o)), ' → '] : '', v),
    make('td', { class: 'flag' }, changed.has(o) ? '● changed' : '')));
  $('state').replaceChildren(rows.length ? table('Shared objects and their values after this step', ['object', 'value', ''], rows)
    : make('p', { class: 'soft' }, 'Nothing shared has a value yet.'));
}

// The lines around a place, as rustc quotes them.
function quote(at, said) {
  const cut = at.lastIndexOf(':'), file = at.slice(0, cut), line = parseInt(at.slice(cut + 1), 10), lines = data.sources[file] || {};
  const near = [-2, -1, 0, 1, 2].map((d) => line + d).filter((i) => lines[i] !== undefined);
  const blank = (s) => (/^ */.exec(s) || [''])[0].length;
  const indent = Math.min(...near.map((i) => (lines[i].trim() ? blank(lines[i]) : 99)));
  const code = near.map((i) => make('div', { class: i === line ? 'line hit' : 'line' },
    span('no', (i === line ? '▶ ' : '  ') + String(i).padStart(4)), lines[i].slice(indent) || ' '));
  return [make('div', { class: 'at' }, at), code.length ? make('pre', { class: 'code', tabindex: '0' }, code) : '', make('div', { class: 'said' }, said)];
}

// Arrows run in the margins of the columns and between the rows, so that they never cross a text.
function arrows() {
  const svg = $('steps').querySelector('svg'), track = stepper.track;
  if (!svg || !track) return;
  svg.replaceChildren();
  const box = $('steps').querySelector('table');
  svg.setAttribute('width', box.offsetWidth);
  svg.setAttribute('height', box.offsetHeight);
  const shown = new Map(stepper.rows.filter((r) => r.i !== null && !r.tr.hidden).map((r) => [r.i, r.tr]));
  const base = box.getBoundingClientRect();
  const dot = (i) => {
    const r = shown.get(i).querySelector('.dot').getBoundingClientRect();
    return { x: r.left + r.width / 2 - base.left, y: r.top + r.height / 2 - base.top };
  };
  let drawn = [];
  track.sources.forEach((s, i) => {
    if (!s || !shown.has(i) || !shown.has(s.from)) return;
    const now = i === stepper.step - 1, out = s.from === stepper.step - 1;
    const telling = [i, s.from].some((k) => track.critical.includes(k) || track.why.includes(k));
    drawn.push({ s, i, rank: now ? 3 : out ? 2 : telling ? 1 : 0 });
  });
  // Where there are many, only those that matter: of the step at hand, and of the steps that decide.
  if (drawn.length > 8) drawn = drawn.filter((d) => d.rank > 0);
  drawn.sort((a, b) => a.rank - b.rank);
  const lanes = new Map();
  for (const { s, i, rank } of drawn) {
    const a = dot(s.from), b = dot(i), row = shown.get(i).getBoundingClientRect(), top = row.top - base.top;
    const k = lanes.get(a.x) || 0;
    lanes.set(a.x, k + 1);
    const lane = a.x - 5 - (k % 3) * 3, side = b.x > a.x ? -1 : 1;
    const d = `M ${a.x} ${a.y} H ${lane} V ${top + 1} H ${b.x + side * 5} V ${b.y} H ${b.x + side * 4}`;
    const p = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    p.setAttribute('d', d);
    p.setAttribute('class', 'arrow ' + ['', '', 'out', 'now'][rank] + (s.read ? '' : ' order'));
    const head = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    head.setAttribute('d', `M ${b.x} ${b.y} l ${side * 7} -4 v 8 z`);
    head.setAttribute('class', 'head ' + ['', '', 'out', 'now'][rank]);
    svg.append(p, head);
  }
}
