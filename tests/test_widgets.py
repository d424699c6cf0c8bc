"""The widgets compute what the kit computes: their numbers in node beside NumPy and torch, their pages in a browser.

What needs node, Sphinx or Chromium is skipped where the machine has none, and says so.
"""

import importlib.util
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from browser import complaints

from lstmkit import results, widgets
from lstmkit.cells import lstm as cell
from lstmkit.experiments import gates_on_adding
from lstmkit.numpy import linear, lstm
from lstmkit.tasks import adding, counting

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "chapters" / "_static" / "widgets"
SIZES = [(1, 1, 1), (7, 3, 2), (40, 5, 8)]  # T, D, H
STEP = ("i", "f", "g", "o", "c", "h")


def extension():
    """chapters/_ext/widget.py, which needs Sphinx."""
    pytest.importorskip("sphinx")
    path = ROOT / "chapters" / "_ext" / "widget.py"
    specification = importlib.util.spec_from_file_location("widget", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def shipped(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


SHIPPED = [shipped("gate_explorer"), *shipped("counting")["networks"]]


@pytest.fixture
def javascript(tmp_path):
    """A function (code, data, change): what `code`, a function of numbers.js and data, gives in node."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("no node on this machine: install the package nodejs")

    def ask(code, data=None, change=lambda source: source):
        numbers = tmp_path / "numbers.js"
        numbers.write_text(change((FOLDER / "numbers.js").read_text(encoding="utf-8")), encoding="utf-8")
        script = (
            f"const numbers = require({json.dumps(str(numbers))});"
            "const data = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
            f"process.stdout.write(JSON.stringify(({code})(numbers, data)));"
        )
        given = json.dumps(data, default=lambda array: np.asarray(array).tolist())
        asked = subprocess.run([program, "-e", script], input=given, capture_output=True, text=True, check=False)
        assert asked.returncode == 0, asked.stderr
        return json.loads(asked.stdout)

    return ask


# The numbers


def random_case(rng, T, D, H):
    """Weights, a sequence and a first state, none of them zero."""
    params = lstm.Params(*(rng.standard_normal(shape) for shape in ((4 * H, D), (4 * H, H), 4 * H)))
    return params, rng.standard_normal((T, 1, D)), lstm.State(*rng.standard_normal((2, 1, H)))


def exported_case(rng, n):
    params = widgets.from_json(SHIPPED[n]).cell
    D, H = params.W_x.shape[1], params.W_h.shape[1]
    return params, rng.uniform(0, 1, (60, 1, D)), lstm.State(*rng.standard_normal((2, 1, H)))


CASES = [*SIZES, *range(len(SHIPPED))]


def a_case(rng, which):
    return random_case(rng, *which) if isinstance(which, tuple) else exported_case(rng, which)


def as_data(params, x, state):
    return {"weights": params._asdict(), "xs": x[:, 0], "first": {"h": state.h[0], "c": state.c[0]}}


def forward_agrees(ask, params, x, state, **change):
    steps = ask("(n, d) => n.forward(d.weights, d.xs, d.first)", as_data(params, x, state), **change)
    hs, _, cache = lstm.forward(params, x, state)
    want = lstm.read_gates(cache)._asdict() | {"h": hs}
    for letter in STEP:
        got = np.array([step[letter] for step in steps])
        np.testing.assert_allclose(got, want[letter][:, 0], rtol=0, atol=1e-12, err_msg=letter)


@pytest.mark.parametrize("which", CASES, ids=str)
def test_forward_is_that_of_numpy(rng, javascript, which):
    forward_agrees(javascript, *a_case(rng, which))


@pytest.mark.parametrize("which", CASES, ids=str)
def test_forward_is_that_of_torch(rng, torch, javascript, which):
    params, x, state = a_case(rng, which)
    module = torch.nn.LSTM(x.shape[2], state.h.shape[1]).double()
    b = torch.tensor(params.b)
    arrays = (torch.tensor(params.W_x), torch.tensor(params.W_h), b / 3, b - b / 3)
    with torch.no_grad():
        for parameter, array in zip(module.parameters(), arrays, strict=True):
            parameter.copy_(array)
        hs, (_, c_T) = module(torch.tensor(x), tuple(torch.tensor(s)[None] for s in state))
    steps = javascript("(n, d) => n.forward(d.weights, d.xs, d.first)", as_data(params, x, state))
    np.testing.assert_allclose([step["h"] for step in steps], hs[:, 0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(steps[-1]["c"], c_T[0, 0], rtol=0, atol=1e-12)


def gradients_agree(ask, torch, params, x, state, unit, **change):
    """Both derivatives of c_T by every c_t, against autograd; for the cell path h is cut off from the gates."""
    data = as_data(params, x, state) | {"unit": unit}
    code = "(n, d) => { const s = n.forward(d.weights, d.xs, d.first);"
    code += "return [n.totalGradient(d.weights, s, d.unit, d.first), n.pathGradient(s)]; }"
    total, path = ask(code, data, **change)
    W_x, W_h, b = (torch.tensor(array) for array in params)
    sigmoid, tanh = torch.sigmoid, torch.tanh
    for whole, got in ((True, np.array(total)), (False, np.array(path))):
        h, c = torch.tensor(state.h), torch.tensor(state.c, requires_grad=True)
        cs = [c]
        for x_t in torch.tensor(x):
            a_i, a_f, a_g, a_o = (x_t @ W_x.T + (h if whole else h.detach()) @ W_h.T + b).chunk(4, dim=-1)
            c = sigmoid(a_f) * c + sigmoid(a_i) * tanh(a_g)
            h = sigmoid(a_o) * tanh(c)
            cs.append(c)
        want = torch.stack([g[0] for g in torch.autograd.grad(c[0, unit], cs)]).numpy()
        got = got if whole else got * (np.arange(state.c.shape[1]) == unit)  # the path stays in its own unit
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("which", CASES, ids=str)
def test_gradients_are_those_of_autograd(rng, torch, javascript, which):
    params, x, state = a_case(rng, which)
    gradients_agree(javascript, torch, params, x, state, int(rng.integers(state.c.shape[1])))


I, F, G, O = ("a.slice(0, H)", "a.slice(H, 2 * H)", "a.slice(2 * H, 3 * H)", "a.slice(3 * H, 4 * H)")


def swapped(one, other):
    """A change of source that swaps two words; both must be there."""

    def change(source):
        assert one in source
        assert other in source
        return source.replace(one, "\0").replace(other, one).replace("\0", other)

    return change


@pytest.mark.parametrize(("one", "other"), [(I, F), (I, G), (I, O), (F, G), (F, O), (G, O)])
def test_another_gate_order_is_found_out(rng, javascript, one, other):
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        forward_agrees(javascript, *random_case(rng, 7, 3, 2), change=swapped(one, other))


WRONG = [
    ("(1 - q[k] * q[k])", "q[k]"),
    ("d_c[k] * g[k] * i[k] * (1 - i[k])", "d_c[k] * g[k] * i[k]"),
    ("d_c[k] * c_prev[k] *", "d_c[k] * c[k] *"),
    ("(d, k) => d * f[k]", "(d, k) => d * i[k]"),
    ("d_h[k] * q[k] *", "d_h[k] * c[k] *"),
    ("d * steps[t].f[k]", "d * steps[t].i[k]"),
]


@pytest.mark.parametrize(("right", "wrong"), WRONG)
def test_a_wrong_derivative_is_found_out(rng, torch, javascript, right, wrong):
    def change(source):
        assert right in source
        return source.replace(right, wrong)

    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        gradients_agree(javascript, torch, *random_case(rng, 7, 3, 2), 1, change=change)


def test_sigmoid_is_right_at_both_ends(javascript):
    at = [-800.0, -40.0, -1.0, 0.0, 1.0, 40.0, 800.0]
    want = [0.0, math.exp(-40) / (1 + math.exp(-40)), 1 / (1 + math.e), 0.5, math.e / (1 + math.e), 1.0, 1.0]
    np.testing.assert_allclose(javascript("(n, d) => d.map(n.sigmoid)", at), want, rtol=1e-15)


def half_life(b):
    return math.log(2) / math.log1p(math.exp(-b))


def test_half_life_and_bias_are_each_other_s_inverse(rng, javascript):
    biases = np.concatenate([rng.uniform(-4, 14, 20), [-4, 0, 14]])
    lives, back, halves = javascript(
        "(n, d) => { const lives = d.map(n.halfLife);"
        "return [lives, lives.map(n.biasOfHalfLife), d.map((b, k) => n.retention(b, lives[k]))]; }",
        biases,
    )
    np.testing.assert_allclose(lives, list(map(half_life, biases)), rtol=1e-12)
    np.testing.assert_allclose(back, biases, rtol=0, atol=1e-9)
    np.testing.assert_allclose(halves, 0.5, rtol=1e-12)
    assert half_life(0) == 1  # half of it, at every step


@pytest.mark.parametrize("n", [1, 2, 9])
def test_the_string_is_that_of_the_task(javascript, n):
    got, want = javascript("(n, d) => n.countingString(d)", n), counting.sequences([n])
    assert got["xs"] == want.x[:, 0].tolist()
    assert got["follow"] == (want.y[:, 0] > 0).tolist()


@pytest.mark.parametrize("network", shipped("counting")["networks"], ids=lambda network: str(network["trained_up_to"]))
def test_the_counter_reaches_what_its_file_says(javascript, network):
    reach = network["reach"]
    assert widgets.reach(widgets.from_json(network), reach + 20) == reach
    code = "(n, d) => ({reach: n.countingReach(d, 1000), read: [d.reach, d.reach + 1].map(m => n.readCount(d, m))})"
    said = javascript(code, network)
    assert said["reach"] == reach
    params, readout = widgets.from_json(network)
    for m, read in zip((reach, reach + 1), said["read"], strict=True):
        strings = counting.sequences([m])
        hs, _, _ = lstm.forward(params, strings.x)
        scores = linear.forward(readout, hs)[:, 0]
        np.testing.assert_allclose(read["scores"], scores, rtol=0, atol=1e-7)  # after up to 1,760 steps
        wrong = np.flatnonzero(((scores > 0) != (strings.y[:, 0] > 0)).any(axis=-1))
        assert read["accepted"] == (m == reach) == (wrong.size == 0)
        assert read["firstWrong"] == (wrong[0] if wrong.size else -1)


def draw(seed):
    """mulberry32, as numbers.js has it."""
    a = seed
    while True:
        a = (a + 0x6D2B79F5) % 2**32
        t = (a ^ (a >> 15)) * (a | 1) % 2**32
        t ^= (t + (t ^ (t >> 7)) * (t | 61)) % 2**32
        yield (t ^ (t >> 14)) / 2**32


def test_random_numbers_are_the_same_everywhere(javascript):
    code = "(n, d) => { const r = n.random(d); return Array.from({length: 2000}, r); }"
    got = np.array(javascript(code, 7))
    stream = draw(7)
    assert got.tolist() == [next(stream) for _ in got]
    assert abs(got.mean() - 0.5) < 0.03
    assert abs(np.corrcoef(got[1:], got[:-1])[0, 1]) < 0.1


# The files


def test_a_file_says_where_it_comes_from():
    for name, settings in widgets.SETTINGS.items():
        provenance = shipped(name)["provenance"]
        assert provenance["settings"] == settings  # whoever changes them trains anew
        assert provenance["made_by"] == f"python -m lstmkit.widgets {name}"
        assert len(provenance["code"]) == len(results.code(provenance["experiment"]))
        assert {"python", "numpy", "torch"} <= provenance["versions"].keys()
        assert (FOLDER / f"{name}.json").stat().st_size < 100_000


def test_numbers_are_the_shortest_of_their_float32():
    for data in SHIPPED:
        network = widgets.from_json(data)
        assert widgets.as_json(network) == {"cell": data["cell"], "readout": data["readout"]}
    assert widgets.shortest([0.1, 1 / 3]) == [0.1, 0.33333334]


def test_the_network_that_adds_is_as_good_as_its_file_says():
    data = shipped("gate_explorer")
    network, seed = widgets.from_json(data), data["provenance"]["settings"]["seed"]
    x, y = adding.batch(np.random.default_rng([seed, 1]), data["T"], 2_000)
    hs, _, cache = lstm.forward(network.cell, x)
    mse = np.mean((linear.forward(network.readout, hs[-1]) - y) ** 2)
    assert mse == pytest.approx(data["mse"], rel=1e-6)
    assert mse < adding.CONSTANT_MSE / 100
    gates, marked = lstm.read_gates(cache), x[..., 1] == 1
    unit, correlation = gates_on_adding.carrying_unit(gates, y)
    assert unit == data["unit"]
    assert correlation > 0.99
    assert gates.i[marked][:, unit].mean() > 0.7 > 0.1 > gates.i[~marked][:, unit].mean()


TINY = {
    "gate_explorer": dict(seed=0, T=6, H=2, max_steps=3, stop_below=0.0),
    "counting": dict(seed=0, H=2, batch=4, stages=[dict(N=2, steps=3, lr=0.1), dict(N=3, steps=2, lr=0.1)], limit=4),
}


@pytest.mark.parametrize("name", TINY)
def test_a_file_is_made_anew(tmp_path, monkeypatch, torch, name):
    monkeypatch.setitem(widgets.SETTINGS, name, TINY[name])
    made = json.loads(widgets.export(name, tmp_path).read_text(encoding="utf-8"))
    assert made.keys() == shipped(name).keys()
    assert made["provenance"].keys() == shipped(name)["provenance"].keys()
    assert made["provenance"]["settings"] == TINY[name]
    again = widgets.export(name, tmp_path).read_text(encoding="utf-8")
    assert json.loads(again) == made


# The extension


def test_no_word_of_the_data_ends_the_script():
    text = '{"a": ["</script><b>", 0.1]}'
    said = extension().inlined(text)
    assert "<" not in said
    assert json.loads(said) == json.loads(text)


PAGES = {
    "index": "# Pages\n\n```{toctree}\nwith\nwithout\n```\n",
    "with": "# With\n\n:::{widget} counting\n:data: counting\n\nA sentence *instead*.\n:::\n\n"
    ":::{widget} half_life\n\nTwo.\n:::\n",
    "without": "# Without\n\nNothing moves.\n",
}


def sphinx(tmp_path, pages, builder):
    pytest.importorskip("sphinx")
    source, out = tmp_path / "source", tmp_path / builder
    source.mkdir(exist_ok=True)
    configuration = f"import sys\nsys.path.insert(0, {str(ROOT / 'chapters' / '_ext')!r})\n"
    configuration += "extensions = ['myst_parser', 'widget']\nmyst_enable_extensions = ['colon_fence']\n"
    configuration += f"html_static_path = [{str(ROOT / 'chapters' / '_static')!r}]\n"
    (source / "conf.py").write_text(configuration, encoding="utf-8")
    for name, text in pages.items():
        (source / f"{name}.md").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-j", "2", "-b", builder, str(source), str(out)]
    return out, subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_page_loads_the_scripts_of_its_own_widgets(tmp_path):
    out, built = sphinx(tmp_path, PAGES, "html")
    assert built.returncode == 0, built.stderr
    page = (out / "with.html").read_text(encoding="utf-8")
    places = [page.index(f"widgets/{name}.js") for name in ("numbers", "plot", "counting", "half_life")]
    assert places == sorted(places)
    assert page.count("widgets/numbers.js") == 1
    assert "<em>instead</em>" in page
    inlined = page.split('<script type="application/json">')[1].split("</script>")[0]
    assert json.loads(inlined) == shipped("counting")
    assert "widgets/" not in (out / "without.html").read_text(encoding="utf-8")
    (tmp_path / "source" / "with.md").write_text("# With\n\nNo more.\n", encoding="utf-8")  # and forgets them
    out, built = sphinx(tmp_path, PAGES | {"with": "# With\n\nNo more.\n"}, "html")
    assert "widgets/" not in (out / "with.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_other_builders_show_the_body(tmp_path):
    out, built = sphinx(tmp_path, PAGES, "text")
    assert built.returncode == 0, built.stderr
    assert "A sentence *instead*." in (out / "with.txt").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (":::{widget} counting\n:::", "Content block expected"),
        (":::{widget} unheard\n\nText.\n:::", "there is no unheard.js"),
        (":::{widget} counting\n:data: unheard\n\nText.\n:::", "there is no unheard.json"),
    ],
)
def test_a_widget_that_cannot_be_is_refused(tmp_path, body, said):
    _, built = sphinx(tmp_path, {"index": f"# Page\n\n{body}\n"}, "html")
    assert built.returncode != 0
    assert said in built.stderr


# The pages, in a browser


def write_page(folder, name, data, theme="light"):
    """A page of nothing but one widget, with the book's own scripts and style."""
    static = ROOT / "chapters" / "_static"
    scripts = [FOLDER / f"{script}.js" for script in ("numbers", "plot", name)]
    json_script = ""
    if data:
        text = extension().inlined((FOLDER / f"{data}.json").read_text(encoding="utf-8"))
        json_script = f'<script type="application/json">{text}</script>'
    colours = "color: #ced6dd; background: #121212; color-scheme: dark" if theme == "dark" else "background: #fff"
    (folder / "page.html").write_text(
        f'<!doctype html><html lang="en" data-theme="{theme}"><head><meta charset="utf-8"><title>{name}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><link rel="stylesheet" href="{(static / "book.css").as_uri()}">'
        f"<style>html {{ {colours} }} body {{ max-width: 44rem; margin: 1rem auto; font: 17px sans-serif; }}</style>"
        + "".join(f'<script defer src="{script.as_uri()}"></script>' for script in scripts)
        + f'</head><body class="bd-article"><div class="widget" data-widget="{name}">{json_script}'
        '<div class="widget-fallback"><p>Instead.</p></div></div></body></html>',
        encoding="utf-8",
    )
    return (folder / "page.html").as_uri()


class Reader:
    """A reader of one widget: moves its controls, reads its numbers with all their digits."""

    def __init__(self, page):
        self.page = page

    def number(self, name):
        return float(self.text(name))

    def text(self, name):
        return self.page.locator(f'output[data-name="{name}"]').get_attribute("data-value")

    def thumb(self, name):
        """The slider whose output has this name."""
        return self.page.locator(f'.widget-slider:has(output[data-name="{name}"]) input')

    def press(self, name, key, times=1):
        self.thumb(name).focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def click(self, label):
        self.page.get_by_role("button", name=label, exact=True).click()

    def choose(self, label, option):
        self.page.get_by_label(label).select_option(label=option)

    def tab_to_button(self, label):
        """Walk with the Tab key alone until the button has the focus, and press it with the Enter key."""
        for _ in range(60):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("document.activeElement.textContent") == label:
                self.page.keyboard.press("Enter")
                return
        raise AssertionError(f"the Tab key does not come to {label}")

    def table(self):
        """The columns of the table of all numbers, opened if it is closed."""
        if not self.page.locator("details[open] table").count():
            self.page.locator("summary", has_text="All the numbers").click()
            self.page.wait_for_selector("details[open] td")
        rows = "[...document.querySelectorAll('tbody tr')].map(r => [...r.cells].map(c => Number(c.dataset.value)))"
        return np.array(self.page.evaluate(rows)).T


@pytest.fixture
def read(chromium, tmp_path):
    """A function (name, data) that opens the page of one widget; it must end without a complaint."""
    watched, contexts = [], []

    def open_page(name, data=None, theme="light", width=1000):
        context = chromium.new_context(viewport={"width": width, "height": 800}, reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        watched.append(complaints(page))
        page.goto(write_page(tmp_path, name, data, theme))
        page.wait_for_selector(".widget-live")
        return Reader(page)

    yield open_page
    for context in contexts:
        context.close()
    assert [found for found in watched if found] == []


NAMES = {"gate_explorer": "gate_explorer", "half_life": None, "counting": "counting"}
CONTRAST = """() => {
  // For every text that is seen: its contrast with the nearest background that is not clear (WCAG 2).
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (rgb(colour)[3] > 200) return colour;
    }
    return 'white';
  };
  const seen = [...document.querySelectorAll('.widget-live *')].filter((node) => node.getClientRects().length &&
    [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()));
  return seen.map((node) => {
    const style = getComputedStyle(node);
    const [a, b] = [rgb(node.namespaceURI.includes('svg') ? style.fill : style.color), rgb(behind(node))].map(light);
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), node.textContent.slice(0, 40)];
  });
}"""


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_a_widget_can_be_read_by_everybody(read, name, theme):
    reader = read(name, NAMES[name], theme, width=375)
    page = reader.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    assert page.locator(".widget-fallback").is_hidden()
    contrasts = page.evaluate(CONTRAST)
    assert len(contrasts) > 10
    assert min(contrasts)[0] >= 4.5, min(contrasts)
    unnamed = (
        "[...document.querySelectorAll('input, select')].filter(e => !e.labels.length || !e.labels[0].textContent)"
    )
    assert page.evaluate(unnamed) == []
    pictures = (
        "[...document.querySelectorAll('.plot > svg')].map(e => [e.getAttribute('role'), e.getAttribute('aria-label')])"
    )
    for role, label in page.evaluate(pictures):
        assert role == "img"
        assert len(label.split()) >= 8, label
    assert page.locator('[role="status"]').count() == 1
    assert page.evaluate("[...document.querySelectorAll('output')].every(e => e.ariaLive === 'off')")
    dashes = (
        "[...document.querySelectorAll('.plot-legend')].map(list =>"
        " [...list.querySelectorAll('line')].map(line => line.getAttribute('stroke-dasharray')))"
    )
    for lines in page.evaluate(dashes):
        assert len(lines) == len(set(lines))  # told apart without colour
    page.locator("input[type=range]").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2


@pytest.mark.slow
def test_the_status_speaks_when_the_hand_rests(read):
    reader = read("half_life")
    status = reader.page.locator('[role="status"]')
    reader.page.wait_for_timeout(900)
    assert status.inner_text() == ""  # a page that opens says nothing by itself
    reader.press("bias", "ArrowRight", 5)
    assert status.inner_text() == ""
    reader.page.wait_for_timeout(900)
    assert status.inner_text() == reader.page.locator(".widget-finding").inner_text() != ""


@pytest.mark.slow
def test_without_scripts_the_body_is_there(chromium, tmp_path):
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(write_page(tmp_path, "counting", "counting"))
        assert page.get_by_text("Instead.").is_visible()


@pytest.mark.slow
def test_half_life_both_ways(read):
    reader = read("half_life")

    def agrees(b):
        assert reader.number("bias") == pytest.approx(b, abs=1e-6)
        assert reader.number("half_life") == pytest.approx(half_life(b), rel=1e-6)
        f = 1 / (1 + math.exp(-b))
        assert reader.number("forget") == pytest.approx(f, abs=1e-6)
        for steps in (1, 10, 100, 1000):
            assert reader.number(f"after_{steps}") == pytest.approx(f**steps, abs=1e-6)

    agrees(1)
    reader.press("bias", "ArrowRight", 13)
    agrees(2.3)
    reader.press("half_life", "Home")  # a tenth of a step
    agrees(-math.log(2**10 - 1))
    for steps in (10, 100, 1000):
        reader.click(f"half-life {steps:,}")
        assert reader.number("half_life") == steps
        agrees(-math.log(2 ** (1 / steps) - 1))
    reader.press("bias", "End")
    agrees(14)


@pytest.mark.slow
@pytest.mark.parametrize("k", range(3))
def test_counting(read, k):
    reader, network = read("counting", "counting"), shipped("counting")["networks"][k]
    params, readout = widgets.from_json(network)

    def agrees(n):
        strings = counting.sequences([n])
        hs, _, cache = lstm.forward(params, strings.x)
        c, scores = lstm.read_gates(cache).c[:, 0], linear.forward(readout, hs)[:, 0]
        wrong = np.flatnonzero(((scores > 0) != (strings.y[:, 0] > 0)).any(axis=-1))
        assert reader.number("n") == n
        assert reader.text("accepted") == ("not accepted" if wrong.size else "accepted")
        assert reader.text("first_wrong") == (str(wrong[0]) if wrong.size else "none")
        t = int(reader.number("t"))
        for unit in range(2):
            assert reader.number(f"c_{unit + 1}") == pytest.approx(c[t, unit], abs=1e-6)
            assert reader.number(f"h_{unit + 1}") == pytest.approx(hs[t, 0, unit], abs=1e-6)
            assert reader.number(f"per_a_{unit + 1}") == pytest.approx((c[n, unit] - c[0, unit]) / n, abs=1e-6)
            assert reader.number(f"per_b_{unit + 1}") == pytest.approx((c[2 * n, unit] - c[n, unit]) / n, abs=1e-6)
        for symbol in range(3):
            assert reader.number(f"score_{symbol}") == pytest.approx(scores[t, symbol], abs=1e-6)

    reader.choose("The network, trained on", f"n up to {network['trained_up_to']}")
    agrees(network["trained_up_to"])
    reader.press("n", "ArrowRight", 2)
    agrees(network["trained_up_to"] + 2)
    reader.press("t", "ArrowLeft", 3)
    agrees(network["trained_up_to"] + 2)
    reader.click("Largest n it accepts")
    agrees(network["reach"])
    assert reader.number("reach") == network["reach"]
    assert reader.text("accepted") == "accepted"
    reader.tab_to_button("One more")
    agrees(network["reach"] + 1)
    assert reader.text("accepted") == "not accepted"
    reader.press("n", "End")
    agrees(1000)
    reader.press("n", "Home")
    agrees(1)


def look_back(params, gates, unit):
    """∂c_T/∂c_t of one unit for t = 0 to T, along its cell and in all, by the kit's own way back."""
    T, _, H = gates.c.shape
    c = np.concatenate([gates.c0, gates.c])
    d_h, d_c = np.zeros((1, H)), np.eye(H)[[unit]]
    path, whole = [1.0], []
    for t in range(T, 0, -1):
        i, f, g, o, q = (getattr(gates, k)[t - 1] for k in ("i", "f", "g", "o", "q"))
        whole.insert(0, (d_c + d_h * o * (1 - q * q))[0, unit])
        *d_a, d_c = cell.step_backward(d_h, d_c, i, f, g, o, q, c[t - 1])
        d_h = np.concatenate(d_a, axis=-1) @ params.W_h
        path.insert(0, path[0] * f[0, unit])
    return np.array(path), np.array([d_c[0, unit], *whole])


class Run:
    """A forward pass of the kit with what `look_back` needs."""

    def __init__(self, params, x, c_0):
        self.c0 = c_0[None]
        self.hs, _, cache = lstm.forward(params, x, lstm.State(np.zeros_like(c_0), c_0))
        for letter, values in lstm.read_gates(cache)._asdict().items():
            setattr(self, letter, values)
        self.q = np.tanh(self.c)


HAND = ("c_0", "x", "noise", *(f"{kind}_{gate}" for kind in "bw" for gate in "ifgo"), "u")


def by_hand(reader):
    """Weights and inputs as the sliders say."""
    v = {name: reader.number(name) for name in HAND}
    stream = draw(1)
    x = np.array([v["noise"] * (2 * next(stream) - 1) for _ in range(100)])
    x[29] += v["x"]
    params = lstm.Params(
        np.array([[v[f"w_{k}"]] for k in "ifgo"]),
        np.array([[0.0], [0.0], [v["u"]], [0.0]]),
        np.array([v[f"b_{k}"] for k in "ifgo"]),
    )
    return params, x[:, None, None], np.array([[v["c_0"]]])


def explorer_agrees(reader, params, x, c_0, unit):
    run = Run(params, x, c_0)
    path, whole = look_back(params, run, unit)
    want = dict(zip("ifgoch", (run.i, run.f, run.g, run.o, run.c, run.hs), strict=True))
    want = {k: values[:, 0, unit] for k, values in want.items()}
    want |= {"path": path[1:], "total": whole[1:]}
    _, got_x, *columns = reader.table()
    np.testing.assert_allclose(got_x, x[:, 0, 0], rtol=0, atol=1e-12)
    for (name, values), column in zip(want.items(), columns, strict=True):
        np.testing.assert_allclose(column, values, rtol=0, atol=1e-6, err_msg=name)
        assert reader.number(name) == pytest.approx(values[int(reader.number("t")) - 1], abs=1e-6)
    return run


@pytest.mark.slow
def test_gate_explorer_by_hand(read):
    reader = read("gate_explorer", "gate_explorer")
    explorer_agrees(reader, *by_hand(reader), 0)
    reader.page.locator("summary", has_text="Weights").click()
    for name in HAND:
        before = reader.number(name)
        reader.press(name, "ArrowRight", 4)
        assert reader.number(name) == pytest.approx(before + 0.4)
    reader.press("t", "ArrowLeft", 30)
    assert reader.number("t") == 70
    run = explorer_agrees(reader, *by_hand(reader), 0)
    reader.tab_to_button("Ignore noise")
    run = explorer_agrees(reader, *by_hand(reader), 0)
    assert abs(run.c[-1, 0, 0] - reader.number("c_0")) < 0.1  # it holds
    reader.click("Erase")
    run = explorer_agrees(reader, *by_hand(reader), 0)
    assert np.abs(run.c[1:]).max() < 0.01
    reader.click("Reset")
    reader.click("Let only the pulse in")
    run = explorer_agrees(reader, *by_hand(reader), 0)
    assert run.c[30, 0, 0] - run.c[28, 0, 0] > 0.7
    assert abs(run.c[-1, 0, 0] - run.c[30, 0, 0]) < 0.1
    reader.click("Reset")
    start = {name: reader.number(name) for name in HAND}
    assert start == dict.fromkeys(HAND, 0) | {"c_0": 1, "x": 1, "noise": 0.3, "b_f": 1, "w_g": 1}


@pytest.mark.slow
def test_gate_explorer_with_the_trained_network(read):
    reader, data = read("gate_explorer", "gate_explorer"), shipped("gate_explorer")
    network, T = widgets.from_json(data), data["T"]
    H = network.cell.W_h.shape[1]
    reader.choose("Look at", f"a trained network of {H} units")

    def agrees(sequence, unit):
        stream = draw(11 + sequence)
        x = np.zeros((T, 1, 2))
        x[:, 0, 0] = [next(stream) for _ in range(T)]
        marked = [int(next(stream) * (T // 2)), T // 2 + int(next(stream) * (T - T // 2))]
        x[marked, 0, 1] = 1
        b = network.cell.b.copy()
        for block, gate in enumerate("ifgo"):
            b[block * H + unit] += reader.number(f"push_{gate}")
        params = network.cell._replace(b=b)
        run = explorer_agrees(reader, params, x, np.zeros((1, H)), unit)
        assert reader.number("answer") == pytest.approx(x[marked, 0, 0].sum(), abs=1e-12)
        said = linear.forward(network.readout, run.hs[-1])[0, 0]
        assert reader.number("said") == pytest.approx(said, abs=1e-6)
        return abs(said - x[marked, 0, 0].sum())

    untouched = agrees(1, data["unit"])
    assert untouched < 0.1
    reader.click("Erase")
    assert agrees(1, data["unit"]) > untouched + 0.05
    reader.click("Reset")
    agrees(1, data["unit"])
    reader.press("push_f", "ArrowLeft", 7)
    reader.press("push_o", "ArrowRight", 3)
    agrees(1, data["unit"])
    reader.tab_to_button("New random sequence")
    agrees(2, data["unit"])
    reader.page.get_by_label("unit", exact=True).select_option(index=2)
    reader.click("Ignore noise")
    agrees(2, 2)
    reader.choose("Look at", "one unit set by hand")
    explorer_agrees(reader, *by_hand(reader), 0)
