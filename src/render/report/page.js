// The page: which variant, which of its executions, which step. All three are in the address, so that a link leads back:
// #v=MODEL/VARIANT, then cx=CHECK (whose counterexample) or outcome=WORD (whose witness), then step=N.
const ROLES = { buggy: 'must fail', 'wrong-fix': 'a fix that looks right: must fail', fixed: 'must hold', canary: 'shows what an engine can or cannot see' };
// What must hold where the model says no more than the kind.
const KINDS = { 'data-race': 'accesses of plain data, one of them a write, are ordered', deadlock: 'somebody can always go on', 'lost-wakeup': 'who waits is woken',
  livelock: 'everybody gets on in the end', leak: 'what is allocated is given back', 'use-after-free': 'nothing is used after its end', 'double-free': 'nothing is given back twice',
  'double-completion': 'everything is completed once', panic: 'no thread panics', assertion: 'the assertion holds' };
const differing = (v) => v.checks.filter((c) => !c.ok);
const nameOf = (v) => v.model + '/' + v.variant;
const at = { variant: 0, failure: null, outcome: null, swapped: false };
const current = () => data.variants[at.variant];
const failuresOf = (v) => v.checks.filter((c) => c.failure !== null);

function address(step) {
  const p = new URLSearchParams();
  p.set('v', nameOf(current()));
  if (at.outcome !== null) p.set('outcome', at.outcome);
  else if (at.failure !== null) p.set('cx', data.failures[at.failure].check);
  if (at.swapped) p.set('track', 'passing');
  p.set('step', step === undefined ? stepper.step : step);
  return '#' + p.toString().replaceAll('%2F', '/');
}

// What the address asks for and the report does not have: an old link must not show something else without a word.
function missing(p, found) {
  const v = current(), cx = p.get('cx'), outcome = p.get('outcome'), step = p.get('step'), last = stepper.track ? stepper.track.events.length : 0;
  if (found < 0) return 'There is no variant ' + (p.get('v') || cx) + ' in this report. This is ' + nameOf(v) + '.';
  if (cx && !v.checks.some((c) => c.id === cx && c.failure !== null)) return 'There is no counterexample by ' + cx + ' in this report. This is another one.';
  if (outcome && at.outcome !== outcome) return 'There is no execution with the outcome ' + outcome + ' in this report. This is another one.';
  if (step !== null && !/^\d+$/.test(step)) return 'There is no step ' + step + '. This is the beginning.';
  if (step !== null && Number(step) > last) return 'There is no step ' + step + '. The last one is ' + last + '.';
  return '';
}

function fromAddress(hash) {
  const p = new URLSearchParams(hash.slice(1)), cx = p.get('cx'), outcome = p.get('outcome');
  const wanted = p.get('v') || (cx || '').split('/').slice(0, 2).join('/');
  const found = data.variants.findIndex((v) => nameOf(v) === wanted);
  const first = data.variants.findIndex((v) => v.checks.some((c) => !c.ok)), failing = data.variants.findIndex((v) => failuresOf(v).length);
  at.variant = Math.max(0, found >= 0 ? found : first >= 0 ? first : failing);
  const v = current(), row = v.outcomes && v.outcomes.rows.find((r) => r.word === outcome && r.witness !== null);
  const own = failuresOf(v), check = own.find((c) => c.id === cx) || own.find((c) => c.id === v.clearest) || own[0];
  at.outcome = row || (!check && p.has('outcome')) ? outcome : null;
  at.failure = at.outcome === null && check ? check.failure : null;
  at.swapped = p.get('track') === 'passing' && at.failure !== null && data.failures[at.failure].passing.length > 0;
  if (at.failure === null && at.outcome === null && v.outcomes) {
    const any = v.outcomes.rows.find((r) => r.witness !== null);
    at.outcome = any ? any.word : null;
  }
  show();
  const lacks = missing(p, wanted ? found : 0);
  $('notice').textContent = lacks;
  $('notice').hidden = !lacks;
  go(p.has('step') ? parseInt(p.get('step'), 10) || 0 : 0, true);
}

function go(step, quiet) {
  stepper.step = stepper.track ? Math.max(0, Math.min(step, stepper.track.events.length)) : 0;
  if (!quiet) history.replaceState(null, '', address());
  $('link').setAttribute('href', address());
  if (stepper.track) draw();
}

// One visible step on or back; from the last step that is shown to the end.
function move(by) {
  const seen = visible().map((r) => r.i + 1), last = stepper.track ? stepper.track.events.length : 0;
  const stops = [0, ...seen, ...(seen[seen.length - 1] === last ? [] : [last])];
  go(by > 0 ? stops.find((s) => s > stepper.step) ?? last : stops.filter((s) => s < stepper.step).pop() ?? 0);
}

function tracks() {
  const v = current();
  if (at.outcome !== null) {
    const row = v.outcomes && v.outcomes.rows.find((r) => r.word === at.outcome);
    const w = row && row.witness !== null ? data.witnesses[row.witness] : null;
    if (!w) return null;
    return { title: 'an execution that ends as “' + row.word + '”', threads: w.threads, events: decode(w.events), failing: null,
      critical: [], why: [], ends: ['ends as ', make('strong', {}, row.word), row.sentence ? ': ' + row.sentence : ''], compare: null };
  }
  if (at.failure === null) return null;
  const f = data.failures[at.failure];
  const failing = { title: 'failing', threads: f.threads, events: decode(f.events), failing: f.property, critical: f.critical,
    why: f.steps, repeats: f.repeats, thread: f.thread, kind: f.kind, initial: f.initial, stuck: ['deadlock', 'lost-wakeup', 'livelock'].includes(f.kind),
    ends: [make('strong', {}, 'VIOLATED ' + f.property), ' (' + f.kind + '): ' + f.message] };
  if (!f.passing.length) return { ...failing, compare: null };
  const threads = f.threads.map((t) => ({ name: t.name }));
  const passing = { title: 'nearest passing', threads, events: decode(f.passing), failing: null, critical: [], why: [],
    initial: f.initial, ends: [make('strong', {}, f.property + ' holds')] };
  const short = { ...failing, ends: [make('strong', {}, 'VIOLATED')] };
  return at.swapped ? { ...passing, compare: short } : { ...failing, compare: passing };
}

function show() {
  const v = current();
  document.title = nameOf(v) + ' · Selvedge report';
  $('pick').value = String(at.variant);
  $('name').replaceChildren(v.model + ' / ', make('b', {}, v.variant));
  $('role').textContent = v.role + ': ' + (v.role === 'buggy' && v.incident ? 'the code of the incident, ' : '') + ROLES[v.role] + (v.incident ? ' · incident ' + v.incident : '');
  $('about').replaceChildren(v.title + '.', v.about ? ' This variant: ' + v.about + '.' : '');
  verdict(v);
  outcomes(v);
  evidence(v);
  const track = tracks();
  $('stepper').hidden = !track;
  stepper.track = null;
  if (track) {
    $('track').textContent = at.outcome !== null || at.swapped ? track.title : 'the counterexample';
    build(track);
  }
  const own = failuresOf(v);
  $('by').hidden = own.length < 2 && !(own.length && at.outcome !== null);
  $('by-label').hidden = $('by').hidden;
  $('by').replaceChildren(at.outcome !== null ? make('option', { value: '', selected: true }, '(an outcome)') : '',
    ...own.map((c) => make('option', { value: c.failure, selected: c.failure === at.failure }, c.engine + ': ' + c.verdict)));
  const f = at.failure === null ? null : data.failures[at.failure];
  $('text').textContent = f ? f.text : '';
  $('text').parentElement.hidden = !f;
}

// The gate is red because of this variant: that comes first.
function off(v) {
  const wrong = differing(v);
  return wrong.length ? make('p', { class: 'off bad' }, '✗ NOT AS DECLARED: ', wrong.map((c) => c.engine + ': declared ' + c.expected + ', got ' + c.verdict + (c.message ? ' (' + c.message + ')' : '')).join('; ')) : '';
}

// The variants of the same model that hold.
function holding(v) {
  const fixed = data.variants.filter((o) => o.model === v.model && o !== v && o.role === 'fixed' && o.checks.some((c) => c.word === 'exhausted'));
  return fixed.flatMap((o, i) => [i ? ', ' : '', make('a', { href: '#v=' + nameOf(o) + '&step=0' }, o.variant)]);
}

function verdict(v) {
  const box = $('verdict'), f = at.failure === null ? null : data.failures[at.failure];
  const found = v.checks.filter((c) => c.word === 'found'), names = (cs) => [...new Set(cs.map((c) => c.engine))].join(', ');
  box.className = f || found.length || differing(v).length ? 'bad' : 'good';
  if (!f) {
    const proof = v.checks.filter((c) => c.word === 'exhausted').sort((a, b) => (b.engine === 'exact') - (a.engine === 'exact'))[0];
    const answers = v.checks.filter((c) => ['inconclusive', 'engine-limit', 'crashed'].includes(c.word));
    const sampled = v.checks.filter((c) => c.word === 'not-found'), properties = v.properties.filter(([, kind]) => kind !== 'sometimes').map(([p]) => p);
    const says = failuresOf(v).length ? '✗ Fails; below is one of its executions that does not.'
      : found.length ? '✗ Fails: ' + found[0].verdict + ', by ' + names(found) + '.'
      : proof ? (differing(v).length ? 'No violation seen by ' + proof.engine + ', which' : '✓ Holds: ' + proof.engine) + ' has explored every execution of the model (' + proof.executions.toLocaleString('en') + ').'
      : answers.length ? 'No answer: ' + answers.map((c) => c.engine + ': ' + c.verdict).join('; ') + '.' : 'No failure seen at this budget; that proves nothing.';
    box.replaceChildren(off(v), make('h3', {}, says), proof && !found.length ? make('p', {}, (differing(v).length ? 'That alone is not what was declared. ' : '') + 'Shown for this model, its threads and its operations'
      + (proof.engine === 'exact' ? ', under the memory model RC11 (no load buffering)' : ', within what ' + proof.engine + ' sees') + ': '
      + (properties.length ? properties.join(', ') + ', and ' : '') + 'no data race, deadlock or lost wake-up.'
      + (sampled.length ? ' Only sampled, by ' + names(sampled) + '.' : '') + ' Nothing is said of memory that the facade does not see, of the compiler or of the hardware.') : '');
    return;
  }
  const holds = holding(v);
  const facts = [['nearest pass', f.nearest || 'no passing schedule is known nearby'], ...(f.minimal && f.minimal !== 'not certified' ? [['how short', f.minimal]] : []),
    ...(holds.length && v.role !== 'fixed' ? [['what holds', ...holds]] : []), ['found by', f.engine + ', in execution ' + (f.executions + 1).toLocaleString('en')],
    ['again', make('code', {}, 'selvedge check ' + nameOf(v) + ' --out DIR'), ' then ', make('code', {}, 'selvedge replay DIR'), ', fingerprint ', make('code', {}, f.fingerprint)]];
  const places = new Map();
  for (const p of f.places) places.set(p.at, [...(places.get(p.at) || []), (f.threads[p.thread] || { name: '?' }).name + ': ' + p.what]);
  const alarm = f.alarm ? make('p', { class: 'off' }, 'FALSE ALARM of ' + f.engine + ', declared as such: this cannot happen. ' + f.alarm + '.') : '';
  box.replaceChildren(off(v), alarm, make('h3', {}, '✗ VIOLATED ' + f.property + ' (' + f.kind + ')'),
    make('p', { class: 'lead' }, span('soft', 'must hold: '), f.sentence || KINDS[f.kind] || '', make('br'), span('soft', 'but here: '), f.message),
    make('p', { class: 'why' }, make('b', {}, 'Why. '), f.why.join(' ')),
    make('div', { class: 'places' }, [...places].map(([at, said]) => make('div', {}, quote(at, said.join('; '))))),
    make('dl', {}, facts.flatMap(([k, ...x]) => [make('dt', {}, k), make('dd', {}, x)])));
}

function outcomes(v) {
  const o = v.outcomes, box = $('outcomes');
  if (!o) { box.replaceChildren(make('p', { class: 'soft' }, 'Nothing was executed.')); return; }
  const signs = { acceptable: '✓ ', interesting: '! ', forbidden: '✗ ' };
  const rows = o.rows.map((r) => {
    const failure = r.violated && r.count ? failuresOf(v).find((c) => data.failures[c.failure].property === r.word) : null;
    const label = r.violated ? 'violates ' + r.word : r.word;
    const href = r.witness !== null ? '#v=' + nameOf(v) + '&outcome=' + encodeURIComponent(r.word) + '&step=0'
      : failure ? '#v=' + nameOf(v) + '&cx=' + failure.id + '&step=0' : null;
    const now = r.witness !== null ? at.outcome === r.word : failure && at.failure === failure.failure;
    const how = r.witness !== null ? data.witnesses[r.witness].schedule : failure ? 'the counterexample' : '';
    const bar = make('span', { class: 'bar', style: '--share:' + (o.total ? 100 * r.count / o.total : 0) + '%' });
    return make('tr', { class: [r.grade === 'forbidden' && r.count ? 'bad' : '', now ? 'chosen' : ''].join(' ') },
      make('td', {}, (signs[r.grade] || '') + (r.grade || 'ungraded')),
      make('td', { class: 'share' }, r.share, r.count ? bar : ''),
      make('td', {}, href ? make('a', { href, 'aria-current': now ? 'true' : null }, label) : label, r.sentence ? make('div', { class: 'soft' }, r.sentence) : ''),
      make('td', { class: 'schedule' }, now ? make('b', {}, '▶ shown above: ') : '', how));
  });
  const what = (o.whole ? 'Exhaustive: all ' : 'Not exhaustive: ') + count(o.total, 'execution') + ' under ' + o.by
    + (o.cut ? '; one that ends in a violation counts up to there' : '') + '. Choose one to step through it.';
  box.replaceChildren(make('p', { class: 'soft' }, what),
    table('Outcomes of ' + nameOf(v), ['grade', 'share of executions', 'outcome', 'who runs when (steps)'], rows, 'wide'));
}

function evidence(v) {
  const rows = v.checks.map((c) => make('tr', {}, make('th', { scope: 'row' }, c.engine), make('td', {}, c.says),
    make('td', {}, c.failure !== null ? make('a', { href: '#v=' + nameOf(v) + '&cx=' + c.id + '&step=0' }, c.verdict) : c.verdict,
      c.message ? make('div', { class: 'soft' }, c.message) : '', c.reason && !c.verdict.includes(c.reason) ? make('div', { class: 'soft' }, c.reason) : ''),
    make('td', { class: 'num' }, (c.executions + (c.word === 'found' ? 1 : 0)).toLocaleString('en')), make('td', { class: 'num' }, (seconds[c.id] || 0).toFixed(2) + ' s'),
    make('td', { class: c.ok ? '' : 'bad' }, c.ok ? '✓ as declared' : '✗ DIFFERS from ' + c.expected)));
  const says = new Map();
  for (const c of v.checks) says.set(c.says, [...(says.get(c.says) || []), c.engine]);
  const sum = [...says].map(([s, by]) => by.join(', ') + ': ' + s).join('; ');
  $('evidence').replaceChildren(make('p', {}, 'What the engines say: ' + sum + '.'),
    table('Evidence about ' + nameOf(v), ['engine', 'says', 'verdict', 'executions', 'time', ''], rows, 'wide'));
}

// All variants and what each engine says of them.
function gate() {
  const engines = [...new Set(data.variants.flatMap((v) => v.checks.map((c) => c.id.split('/')[2])))];
  const rows = [];
  let model = '';
  for (const v of data.variants) {
    if (v.model !== model) {
      model = v.model;
      rows.push(make('tr', { class: 'model' }, make('th', { colspan: engines.length + 2, scope: 'rowgroup' }, model, span('soft', ' ' + v.title))));
    }
    rows.push(make('tr', {}, make('th', { scope: 'row' }, make('a', { href: '#v=' + nameOf(v) + '&step=0' }, v.variant)), make('td', {}, v.role),
      engines.map((e) => make('td', {}, v.checks.filter((c) => c.id.split('/')[2] === e).map((c) =>
        make('div', { class: c.ok ? '' : 'bad', title: c.verdict + ', declared ' + c.expected }, (c.ok ? '✓ ' : '✗ DIFFERS: ') + c.word, span('soft', ' ' + c.id.split('/').slice(3).join(' ') + ' ' + (c.executions + (c.word === 'found' ? 1 : 0)).toLocaleString('en'))))))));
  }
  $('gate').replaceChildren(table('The gate', ['variant', 'role', ...engines], rows, 'wide matrix'));
}

function summary() {
  const checks = data.variants.flatMap((v) => v.checks), off = checks.filter((c) => !c.ok).length, first = data.variants.find((v) => differing(v).length);
  $('summary').replaceChildren(data.part === null ? '' : make('b', { class: 'part' }, 'A part: only variants with “' + data.part + '” in their names. '), make('b', { class: off ? 'bad' : 'good' }, off ? make('a', { href: '#v=' + nameOf(first) + '&step=0', class: 'bad' }, '✗ ' + off + ' of ' + count(checks.length, 'check') + ' not as declared')
    : '✓ ' + count(checks.length, 'check') + ', all as declared'),
    ` · ${count(data.variants.length, 'variant')} · ${data.budget} budget, seed ${data.seed} · selvedge ${data.version}`);
}

function start() {
  summary();
  gate();
  const models = new Map();
  data.variants.forEach((v, i) => models.set(v.model, [...(models.get(v.model) || []), [v, i]]));
  $('pick').replaceChildren(...[...models].map(([m, all]) => make('optgroup', { label: m },
    all.map(([v, i]) => make('option', { value: i }, (differing(v).length ? 'DIFFERS: ' : '') + m + ' / ' + v.variant + ' (' + v.role + ')')))));
  const jump = (hash) => { location.hash = hash; };
  const to = (i) => jump('#v=' + nameOf(data.variants[(i + data.variants.length) % data.variants.length]) + '&step=0');
  const on = (id, event, f) => $(id).addEventListener(event, f);
  on('pick', 'change', () => to(Number($('pick').value)));
  on('previous', 'click', () => to(at.variant - 1));
  on('following', 'click', () => to(at.variant + 1));
  on('by', 'change', () => { if ($('by').value) jump('#v=' + nameOf(current()) + '&cx=' + data.failures[Number($('by').value)].check + '&step=0'); });
  on('slider', 'input', () => { const s = Number($('slider').value); go(s ? visible()[s - 1].i + 1 : 0); });
  on('first', 'click', () => go(0));
  on('back', 'click', () => move(-1));
  on('next', 'click', () => move(1));
  on('last', 'click', () => go(stepper.track.events.length));
  on('all', 'click', () => { stepper.all = !stepper.all; build(tracks()); go(stepper.step); });
  // The other track at the same place: the partner of this step, or of the last one before it that has one.
  on('swap', 'click', () => {
    const here = stepper.rows.findIndex((r) => r.i === stepper.step - 1);
    const partner = stepper.step === stepper.track.events.length ? stepper.track.compare.events.length
      : stepper.rows.slice(0, here + 1).reduce((n, r) => (r.j === null ? n : r.j + 1), 0);
    at.swapped = !at.swapped;
    show();
    go(partner);
  });
  window.addEventListener('hashchange', () => { if (location.hash.includes('=')) fromAddress(location.hash); });
  // A place on the page is no variant: go there, and leave the address alone.
  document.addEventListener('click', (k) => {
    const link = k.target.closest('a[href^="#"]'), place = link && !link.hash.includes('=') && $(link.hash.slice(1));
    if (!place) return;
    k.preventDefault();
    place.scrollIntoView();
    place.focus({ preventScroll: true });
  });
  window.addEventListener('beforeprint', () => { document.querySelector('details').open = true; });
  window.addEventListener('resize', arrows);
  window.addEventListener('beforeprint', arrows);
  document.addEventListener('keydown', (k) => {
    if (k.altKey || k.ctrlKey || k.metaKey || !stepper.track || ['SELECT', 'INPUT', 'TEXTAREA'].includes(k.target.tagName)) return;
    const inside = $('stepper').contains(k.target) || k.target === document.body;
    const act = { ArrowRight: () => move(1), ArrowLeft: () => move(-1), Home: () => go(0), End: () => go(stepper.track.events.length),
      ArrowDown: inside && k.target !== document.body && (() => move(1)), ArrowUp: inside && k.target !== document.body && (() => move(-1)),
      s: () => !$('swap').hidden && $('swap').click(), '[': () => $('previous').click(), ']': () => $('following').click() }[k.key];
    if (!act || (!inside && ['Home', 'End'].includes(k.key))) return;
    act();
    k.preventDefault();
  });
  if (data.variants.length) fromAddress(location.hash);
}
start();
