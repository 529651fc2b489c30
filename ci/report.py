"""Reads the HTML report as people do: in headless Chromium, with keys, from disk and without a network.

Usage: report.py PAGE PAGE-OF-PLANTED-BUGS PAGE-OF-A-RED-GATE [DIRECTORY FOR SCREENSHOTS]. Needs chromium and chromedriver; speaks WebDriver over loopback.
"""

import base64
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

KEYS = {"Tab": "\ue004", "Enter": "\ue007", "End": "\ue010", "Home": "\ue011", "Left": "\ue012", "Up": "\ue013",
        "Right": "\ue014", "Down": "\ue015"}
SLOWEST = 1000  # ms from the start of navigation to the end of load
LARGEST = 5_000_000  # bytes


class Browser:
    def __init__(self, scratch):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        log = open(os.path.join(scratch, "chromedriver.log"), "w")
        self.driver = subprocess.Popen(["chromedriver", f"--port={self.port}"], stdout=log, stderr=log)
        self.base = f"http://127.0.0.1:{self.port}"
        for _ in range(100):
            try:
                self.call("GET", "/status")
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
                     "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
                     # Whatever the page may ask for, nobody answers.
                     "--proxy-server=127.0.0.1:9", f"--user-data-dir={scratch}/profile", "--window-size=1440,1000"]
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": {"args": arguments},
                                        "goog:loggingPrefs": {"browser": "ALL"}, "timeouts": {"script": 120_000}}}
        # Chromium has a minute to start, which it may miss on a busy machine: that is no fault of the page.
        for left in (2, 1, 0):
            try:
                self.base += "/session/" + self.call("POST", "/session", {"capabilities": capabilities})["sessionId"]
                break
            except SystemExit:
                if not left:
                    raise

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=150) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            fail(json.load(e)["value"]["message"].splitlines()[0])

    def open(self, url):
        # A change of the fragment alone is no navigation: begin from elsewhere.
        self.call("POST", "/url", {"url": "about:blank"})
        self.call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def press(self, *names):
        keys = [KEYS.get(n, n) for n in names]
        actions = [{"type": t, "value": k} for k in keys for t in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": actions}]})

    def media(self, **features):
        media = features.pop("media", "")
        features = [{"name": n.replace("_", "-"), "value": v} for n, v in features.items()]
        self.call("POST", "/goog/cdp/execute",
                  {"cmd": "Emulation.setEmulatedMedia", "params": {"media": media, "features": features}})

    def size(self, width, height):
        self.call("POST", "/window/rect", {"width": width, "height": height})
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}})

    def complaints(self):
        return [e["message"] for e in self.call("POST", "/se/log", {"type": "browser"}) if e["level"] in ("SEVERE", "WARNING")]

    def close(self):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(10)


def fail(text):
    sys.exit(f"report: {text}")


def want(condition, text):
    if not condition:
        fail(text)


STEP = "return Number(new URLSearchParams(location.hash.slice(1)).get('step'))"
NOW = "const r = document.querySelector('[aria-current=step]'); return r ? parseInt(r.querySelector('.n').textContent) : 0"
WHERE = "return document.getElementById('where').textContent"

# Text against what is behind it, by the formula of WCAG 2: the worst of all that is shown.
CONTRAST = """
const rgb = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b; };
const mix = (top, under, a) => [0, 1, 2].map((i) => top[i] * a + under[i] * (1 - a));
const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length && c[3] !== 0) return c; }
  return [255, 255, 255]; };
let worst = [99, ''];
for (const e of document.querySelectorAll('body *')) {
  if (!e.checkVisibility() || e.closest('.hidden, svg, script, style, option, select, noscript')) continue;
  if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
  let a = 1;
  for (let p = e; p; p = p.parentElement) a *= Number(getComputedStyle(p).opacity);
  const under = behind(e), ink = mix(rgb(getComputedStyle(e).color), under, a);
  const [x, y] = [light(ink), light(under)].sort((m, n) => n - m), ratio = (x + .05) / (y + .05);
  if (ratio < worst[0]) worst = [ratio, e.className + ': ' + e.textContent.trim().slice(0, 40)];
}
return worst;
"""


def steps_through(b, url):
    """From the start to the violation and back, with arrow keys alone."""
    b.open(url)
    first = b.run("return [document.title, document.querySelector('#verdict h3').textContent, document.querySelectorAll('.track .mine').length]")
    want("VIOLATED" in first[1], f"the page does not open with a counterexample: {first}")
    last = b.run("return stepper.track.events.length")
    seen = []
    for _ in range(last + 1):
        if "is violated" in b.run(WHERE):
            break
        b.press("Right")
        seen.append(b.run(STEP))
    want("is violated" in b.run(WHERE), f"{last} presses do not lead to the violation: {b.run(WHERE)}")
    want(seen == sorted(set(seen)) and seen[-1] == last, f"the steps are out of order: {seen}")
    want(len(seen) > 3, f"too little to see: {seen}")
    b.press("Left")
    want(b.run(STEP) < last, "back does not go back")
    b.press("Home")
    want(b.run(STEP) == 0, "Home does not lead to the start")
    b.press("End")
    want(b.run(STEP) == last, "End does not lead to the end")
    b.press("Home", "Right", "Right")
    return b.run("return location.hash"), b.run(NOW)


def links_back(b, url, hash, now):
    """A link opens at its step, in a browser that has not been there; so does the short form."""
    b.open(url + hash)
    want(b.run(NOW) == now, f"the link {hash} opens at step {b.run(NOW)}, not {now}")
    b.open(url + "#step=3")
    want(b.run(STEP) == 0 or b.run(NOW) == 3, "#step=3 does not open at step 3")
    want(b.run(NOW) == 3, f"#step=3 opens at step {b.run(NOW)}")


def every_variant(b, url):
    """Every variant draws, and every counterexample ends in its violation."""
    b.open(url)
    problems = b.run("""
      const bad = [];
      for (const [i, v] of data.variants.entries()) {
        const name = nameOf(v), own = failuresOf(v);
        if (['buggy', 'wrong-fix'].includes(v.role) && !own.length) bad.push(name + ': no counterexample');
        for (const c of own.length ? own : [null]) {
          fromAddress('#v=' + name + (c ? '&cx=' + c.id : '') + '&step=0');
          if (!stepper.track) { if (c) bad.push(name + ': no steps'); continue; }
          go(stepper.track.events.length, true);
          const said = document.getElementById('where').textContent;
          if (c && !said.endsWith('is violated')) bad.push(name + ': ' + said);
          if (c && !document.querySelector('#end strong').textContent.includes(data.failures[c.failure].property)) bad.push(name + ': ends in another property');
          if (c && !document.querySelector('.why').textContent.slice(6).trim()) bad.push(name + ': no reason');
        }
        if (v.outcomes) for (const a of document.querySelectorAll('#outcomes a')) {
          fromAddress(a.getAttribute('href'));
          if (!stepper.track) bad.push(name + ': the outcome ' + a.textContent + ' does not load');
        } else if (v.checks.some((c) => c.executions)) bad.push(name + ': no outcomes');
      }
      return bad;""")
    want(not problems, "; ".join(problems[:10]))


def keyboard_only(b, url):
    """With Tab, Enter and arrows one reaches everything that the mouse does, and sees where one is."""
    b.open(url)
    reached, dark = [], []
    for _ in range(80):
        b.press("Tab")
        name, outline = b.run("""const e = document.activeElement, s = getComputedStyle(e);
          return [e.id || (e.closest('section, header') || {}).id || e.closest('[id]')?.id || e.tagName, s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1];""")
        reached.append(name)
        if not outline:
            dark.append(name)
        if name == "gate":
            break
    missing = {"pick", "previous", "following", "first", "back", "next", "last", "slider", "link", "steps", "outcomes", "evidence", "gate"} - set(reached)
    want(not missing, f"Tab does not reach {sorted(missing)}: {reached}")
    want(not dark, f"no focus ring on {dark}")
    b.run("document.getElementById('pick').focus()")
    before = b.run("return document.getElementById('name').textContent")
    b.press("Down")
    # The page answers in its own time, which on a busy machine is not at once.
    for _ in range(100):
        if b.run("return document.getElementById('name').textContent") != before:
            break
        time.sleep(0.1)
    want(b.run("return document.getElementById('name').textContent") != before, "the list of variants does not answer to keys")
    b.open(url)
    b.run("document.querySelector('#outcomes a[href*=outcome]').focus()")
    b.press("Enter")
    time.sleep(0.2)
    want("outcome=" in b.run("return location.hash") and b.run("return stepper.track.failing === null"),
         "Enter on an outcome does not load its witness")
    b.press("End")
    want(b.run(WHERE).endswith("the end"), f"the witness does not come to its end: {b.run(WHERE)}")
    two = b.run("return (data.failures.find((f) => f.passing.length) || {}).check")
    if two is None:
        fail("no counterexample has a passing track beside it")
    b.open(f"{url}#cx={two}&step=0")
    want(b.run("return document.querySelectorAll('td.other.same').length > 0"), "the passing track has nothing in common with the failing one")
    b.press("s")
    want(b.run("return stepper.track.failing === null && document.querySelector('.track thead').textContent.includes('failing')"), "s does not change tracks")
    b.press("End")
    want(b.run(WHERE).endswith("the end"), "the passing track does not come to its end")


def addresses(b, url):
    """Links within the page keep the variant; what the page does not have is said, not replaced in silence."""
    b.open(url + "#step=2")
    b.press("]", "]")
    # The page hears of its new address a little later than the address changes.
    for _ in range(100):
        name, hash = b.run("return [document.getElementById('name').textContent, location.hash]")
        if name.replace(" / ", "/") in hash:
            break
        time.sleep(0.05)
    for link in (".jump", ".skip"):
        b.run("document.querySelector(arguments[0]).click()", link)
        now = b.run("return [document.getElementById('name').textContent, location.hash]")
        want(now == [name, hash], f"{link} leads away from {hash} to {now}")
    for wrong in ("#v=no/such&step=1", "#cx=no/such/exact&step=1", "#step=9999", "#step=x"):
        b.open(url + wrong)
        said = b.run("const n = document.getElementById('notice'); return n.hidden ? '' : n.textContent")
        want("There is no" in said, f"{wrong} is not said to be missing: {said!r}")
    b.open(url + "#step=1")
    want(b.run("return document.getElementById('notice').hidden"), "a good address is called missing")
    # The other track opens at the same place.
    b.open(url)
    b.press("End", "Left")
    want(b.run("return !document.getElementById('swap').hidden"), "the first counterexample has no passing track")
    b.press("s")
    want(b.run(STEP) > 0, "the passing track begins at its start, not at the same place")


def of_each_kind(b, planted):
    """The planted bugs: a cycle is bracketed in words, a race shows both of its accesses."""
    b.open(planted + "#v=planted/after_you&step=0")
    cycle = b.run("""const f = data.failures[at.failure], rows = [...document.querySelectorAll('.track tbody tr')];
      return { repeats: f.repeats, turns: rows.filter((r) => r.matches('.turn')).map((r) => [rows.indexOf(r), r.textContent]),
        round: rows.filter((r) => r.matches('.mine.round')).map((r) => [rows.indexOf(r), r.textContent]) };""")
    want(cycle["repeats"], "the planted livelock has no cycle")
    first, last = (n + 1 for n in cycle["repeats"])
    want(len(cycle["turns"]) == 2, f"the cycle is not bracketed: {cycle}")
    (top, begins), (bottom, ends) = cycle["turns"]
    want(f"steps {first} to {last} repeat for ever" in begins and "goes round again" in ends, f"in which words: {begins} {ends}")
    want(cycle["round"] and all(top < at < bottom and "repeats" in text for at, text in cycle["round"]),
         f"the steps of the cycle are not between its ends, or not marked: {cycle}")
    b.press("End")
    want("repeats for ever" in b.run(WHERE), f"the last step is not said to repeat: {b.run(WHERE)}")
    for variant, both in (("data_race", ["write payload", "read payload"]), ("use_after_free", ["request"])):
        b.open(f"{planted}#v=planted/{variant}&step=0")
        marked = b.run("return [...document.querySelectorAll('.track tr:not([hidden])')].filter((r) => /[◆◇]/.test(r.textContent)).map((r) => r.textContent)")
        for access in both:
            want(any(access in row for row in marked), f"{variant}: {access} is not marked: {marked}")
    b.open(planted)
    bad = b.run("""return data.variants.filter((v) => v.clearest).filter((v) => { fromAddress('#v=' + nameOf(v) + '&step=0');
      return !/must hold: \\S/.test(document.querySelector('.lead').textContent); }).map(nameOf)""")
    want(not bad, f"nothing is said to have to hold in {bad}")


def red(b, url):
    """A part of a gate that is not green: nothing in what stands under NOT AS DECLARED looks as if it held."""
    b.open(url)
    part = b.run("return document.getElementById('summary').textContent")
    want("A part: only variants with “counter/”" in part and "not as declared" in part, f"what the page is of: {part}")
    boxes = b.run("""return data.variants.filter((v) => differing(v).length).map((v) => { fromAddress('#v=' + nameOf(v) + '&step=0');
      const box = document.getElementById('verdict'); return [nameOf(v), box.className, box.textContent]; });""")
    want(len(boxes) >= 3, f"too few red variants: {boxes}")
    for name, colour, text in boxes:
        want(colour == "bad" and "NOT AS DECLARED" in text, f"{name} does not look red: {text}")
        want("Holds" not in text and "✓" not in text, f"{name} is red, and looks as if it held: {text}")


def own_source(b, url):
    """The lines that are quoted are the model's: no step leads into an engine."""
    b.open(url)
    foreign = b.run("return Object.keys(data.sources).filter((f) => f.includes('check/engine') || f.startsWith('/'))")
    want(not foreign, f"source is quoted from {foreign}")


def notes(b, url):
    """What a model says of its steps is shown in executions that stand for outcomes as well."""
    b.open(url + "#v=vserver_swap/shared_mutation&outcome=done&step=0")
    said = b.run("return [...document.querySelectorAll('.track .note')].map((n) => n.textContent)")
    want(any("addresses a request" in n for n in said), f"the witness of an outcome has no notes: {said}")


# One of each kind, as a person would look at them.
KINDS = {"assertion": "#v=vserver_swap/shared_mutation", "race": "#v=session_table_iterate/relaxed_publish",
         "lost-wakeup": "#v=gate_late_broadcaster/naive_gate", "livelock": "#v=reconnect_for_ever/early_wake",
         "outcome": "#v=paged_read/compare_around&outcome=of%20admin", "lock-only": "#v=packer_zero_segment/peek_next"}
PLANTED_KINDS = {"deadlock": "#v=planted/deadlock", "spin": "#v=planted/after_you"}


def gallery(b, url, planted, shots):
    for scheme in ("light", "dark"):
        b.media(prefers_color_scheme=scheme)
        for page, kinds in ((url, KINDS), (planted, PLANTED_KINDS)):
            for kind, address in kinds.items():
                b.size(1440, 1000)
                b.open(f"{page}{address}&step=0")
                b.press("End")
                b.size(1440, min(2200, b.run("return document.documentElement.scrollHeight")))
                b.run("scrollTo(0, 0)")
                pathlib.Path(shots, f"{kind}-{scheme}.png").write_bytes(base64.b64decode(b.call("GET", "/screenshot")))
    b.media()


def looks(b, url, shots):
    """Light, dark, narrow and printed: readable in all of them."""
    def shot(name, whole=False):
        if shots:
            if whole:
                b.size(1440, min(6000, b.run("return document.documentElement.scrollHeight")))
            pathlib.Path(shots, name + ".png").write_bytes(base64.b64decode(b.call("GET", "/screenshot")))

    for scheme in ("light", "dark"):
        b.size(1440, 1000)
        b.media(prefers_color_scheme=scheme)
        b.open(url)
        for key in ("Home", "End"):
            b.press(key)
            ratio, where = b.run(CONTRAST)
            want(ratio >= 4.5, f"{scheme}: contrast {ratio:.2f} at {where}")
        paper = b.run("return getComputedStyle(document.body).backgroundColor")
        bright = sum(int(float(v)) for v in paper.strip("rgb()a ").split(",")[:3]) > 384
        want(bright == (scheme == "light"), f"{scheme}: the paper is {paper}")
        shot(scheme, True)
    b.media(prefers_color_scheme="light")
    b.size(400, 900)
    b.open(url)
    b.press("Right", "Right", "Right")
    wide = b.run("return [document.documentElement.scrollWidth, window.innerWidth]")
    want(wide[0] <= wide[1], f"on a narrow screen the page is {wide[0]} wide, the window {wide[1]}")
    if shots:
        b.size(400, 3000)
        shot("narrow")
    b.size(1440, 1000)
    b.media(media="print", prefers_color_scheme="dark")
    b.open(url)
    printed = b.run("""return [getComputedStyle(document.getElementById('next').parentElement).display, getComputedStyle(document.getElementById('steps')).overflowY,
      getComputedStyle(document.body).color, new Set([...document.querySelectorAll('.track .mine')].map((r) => getComputedStyle(r).color)).size]""")
    want(printed == ["none", "visible", "rgb(0, 0, 0)", 1], f"in print: {printed}")
    b.media()
    pdf = base64.b64decode(b.call("POST", "/print", {"orientation": "portrait", "background": True, "shrinkToFit": True}))
    want(pdf.startswith(b"%PDF") and len(pdf) > 20_000, "it cannot be printed")
    if shots:
        pathlib.Path(shots, "print.pdf").write_bytes(pdf)


def main():
    page = pathlib.Path(sys.argv[1]).resolve()
    planted = pathlib.Path(sys.argv[2]).resolve().as_uri()
    off = pathlib.Path(sys.argv[3]).resolve().as_uri()
    shots = sys.argv[4] if len(sys.argv) > 4 else None
    if shots:
        os.makedirs(shots, exist_ok=True)
    size = page.stat().st_size
    want(size < LARGEST, f"the page has {size} bytes")
    with tempfile.TemporaryDirectory() as scratch:
        b = Browser(scratch)
        try:
            url, times = page.as_uri(), []
            # What the page takes is the least of several; on a busy machine most of the others measure the machine.
            while len(times) < 3 or (min(times) >= SLOWEST and len(times) < 30):
                b.open(url)
                times.append(b.run("return performance.getEntriesByType('navigation')[0].loadEventEnd"))
            want(min(times) < SLOWEST, f"it takes {min(times):.0f} ms to open")
            asked = b.run("return performance.getEntriesByType('resource').map((r) => r.name).filter((n) => !n.startsWith('data:'))")
            want(not asked, f"it asks for {asked}")
            links_back(b, url, *steps_through(b, url))
            every_variant(b, url)
            keyboard_only(b, url)
            addresses(b, url)
            of_each_kind(b, planted)
            red(b, off)
            notes(b, url)
            own_source(b, url)
            if shots:
                gallery(b, url, planted, shots)
            looks(b, url, shots)
            heard = b.complaints()
            want(not heard, "the console complains: " + "; ".join(heard[:5]))
            counts = b.run("return [data.variants.length, data.failures.length, data.failures.filter((f) => f.passing.length).length, data.witnesses.length]")
        finally:
            b.close()
    print(f"report: {size:,} bytes, opens in {min(times):.0f} ms; {counts[0]} variants, {counts[1]} counterexamples "
          f"({counts[2]} with a passing track), {counts[3]} witnesses; keys, links, contrast, narrow and print are right")


main()
