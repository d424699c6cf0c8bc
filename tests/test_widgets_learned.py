"""The widgets that show what a network learned: their numbers under node against NumPy and torch, and in Chromium.

The attention map runs an encoder-decoder in JavaScript; the gradient microscope and the guessing game read curves off.
The tests in Chromium are slow; without node, or without Chromium, what needs it is skipped.
"""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from browser import complaints

from lstmkit import forecasting, widgets
from lstmkit.experiments import gradient_lag
from lstmkit.numpy import attention, bidirectional, linear, lstm
from lstmkit.numpy.functions import softmax

SCRIPTS = Path(__file__).parents[1] / "chapters" / "_static" / "widgets"
STRINGS = ["7", "42", "000", "314159", "27182818", "2718281828459", "9876543210987654321"]
SIZES = [(4, 3, 2, 1), (11, 5, 6, 4), (3, 1, 8, 9)]  # V, E, H, A


def node(expression, given=None, folder=SCRIPTS):
    """What a JavaScript expression gives: `given` is the data, `widget(name)` the numbers of a script."""
    path = shutil.which("node")
    if path is None:
        pytest.skip("no node on this machine")
    code = (
        "const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        f"const widget = (name) => require({json.dumps(str(folder))} + '/' + name + '.js');"
        f"process.stdout.write(JSON.stringify({expression}));"
    )
    done = subprocess.run([path, "-e", code], input=json.dumps(given), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def mutated(folder, name, old, new):
    """A folder in which the script has `new` where `old` stood: once, or nothing would be judged."""
    for script in ("numbers", name):
        shutil.copy(SCRIPTS / f"{script}.js", folder)
    source = (SCRIPTS / f"{name}.js").read_text(encoding="utf-8")
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {name}.js"
    (folder / f"{name}.js").write_text(source.replace(old, new), encoding="utf-8")
    return folder


def exported(name):
    return json.loads((SCRIPTS / f"{name}.json").read_text(encoding="utf-8"))


# The attention map


def random_network(rng, V, E, H, A):
    """Weights of the shapes that a page gets, biases and all."""

    def layer(D, H):
        return {"W_x": normal(4 * H, D), "W_h": normal(4 * H, H), "b": normal(4 * H)}

    def normal(*shape):
        return rng.normal(size=shape).tolist()

    return {
        "embedding": normal(V, E),
        "encoder": {"forward": layer(E, H // 2), "backward": layer(E, H // 2)},
        "decoder": layer(E + H, H),
        "attention": {"W_q": normal(A, H), "W_k": normal(A, H), "v": normal(A)},
        "readout": {"W": normal(V, 2 * H), "b": normal(V)},
    }


def by_numpy(network, digits):
    """Scores (S, V) and weights (S, S) by lstmkit.numpy, each answer fed back."""

    def params(type, given):
        return type(*(np.array(given[name]) for name in type._fields))

    read = bidirectional.Params(*(params(lstm.Params, network["encoder"][way]) for way in bidirectional.Params._fields))
    scoring = params(attention.Additive, network["attention"])
    embedding, found, weights = np.array(network["embedding"]), [], []
    keys, last, _ = bidirectional.forward(lstm, read, embedding[digits][:, None])
    state = lstm.State(*(np.concatenate(fields, axis=-1) for fields in zip(*last, strict=True)))
    before = len(embedding) - 1
    for _ in digits:
        context, weight, _ = attention.forward(scoring, state.h, keys, keys)
        x = np.concatenate([embedding[[before]], context], axis=-1)
        state, _ = lstm.step(params(lstm.Params, network["decoder"]), x, state)
        joined = np.concatenate([state.h, context], axis=-1)
        found.append(linear.forward(params(linear.Params, network["readout"]), joined)[0])
        weights.append(weight[0])
        before = int(found[-1].argmax())
    return np.array(found), np.array(weights)


def by_torch(torch, network, digits):
    """The same by lstmkit.torch: what decode writes, and the scores when it is fed that."""
    model, source = widgets.reversing_from_json(network), torch.tensor(digits)[:, None]
    lengths = torch.tensor([len(digits)])
    words, weights = model.decode(source, lengths, len(digits), start=len(network["embedding"]) - 1)
    previous = torch.cat([torch.tensor([[len(network["embedding"]) - 1]]), words[:-1]])
    with torch.no_grad():
        scores, _ = model(source, lengths, previous)
    return scores[:, 0].numpy(), weights[:, 0].numpy()


def by_node(network, strings, folder=SCRIPTS):
    return node(
        "given.strings.map((digits) => widget('attention_map').reverse(given.network, digits))",
        {"network": network, "strings": strings},
        folder,
    )


def agrees_with_numpy(network, strings, folder=SCRIPTS):
    for digits, answers in zip(strings, by_node(network, strings, folder), strict=True):
        scores, weights = by_numpy(network, digits)
        np.testing.assert_allclose([answer["scores"] for answer in answers], scores, rtol=0, atol=1e-9)
        np.testing.assert_allclose([answer["weights"] for answer in answers], weights, rtol=0, atol=1e-9)
        assert [answer["digit"] for answer in answers] == scores.argmax(axis=1).tolist()


@pytest.mark.parametrize("sizes", SIZES)
def test_attention_equals_numpy_and_torch(rng, torch, sizes):
    network = random_network(rng, *sizes)
    strings = [rng.integers(sizes[0] - 1, size=n).tolist() for n in (1, 2, 5, 17)]
    agrees_with_numpy(network, strings)
    for digits, answers in zip(strings, by_node(network, strings), strict=True):
        scores, weights = by_torch(torch, network, digits)
        np.testing.assert_allclose([answer["scores"] for answer in answers], scores, rtol=0, atol=1e-9)
        np.testing.assert_allclose([answer["weights"] for answer in answers], weights, rtol=0, atol=1e-9)


def test_the_exported_network_equals_numpy_and_torch(torch):
    network, strings = exported("attention_map"), [list(map(int, string)) for string in STRINGS]
    agrees_with_numpy(network, strings)
    for digits, answers in zip(strings, by_node(network, strings), strict=True):
        scores, weights = by_torch(torch, network, digits)
        np.testing.assert_allclose([answer["scores"] for answer in answers], scores, rtol=0, atol=1e-9)
        np.testing.assert_allclose([answer["weights"] for answer in answers], weights, rtol=0, atol=1e-9)
    assert by_node(network, [[]]) == [[]]


def test_judging_an_answer():
    weights = [[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.4, 0.4, 0.2]]
    answers = [{"digit": d, "weights": w} for d, w in zip([9, 5, 8], weights, strict=True)]
    found = node("widget('attention_map').judge([8, 7, 9], given)", answers)
    assert found == [
        {"due": 2, "right": True, "looked": 2},
        {"due": 1, "right": False, "looked": 0},
        {"due": 0, "right": True, "looked": 0},
    ]


def test_softmax(rng):
    scores = rng.normal(size=7) * 300 + 5000
    found = node("widget('attention_map').softmax(given)", scores.tolist())
    np.testing.assert_allclose(found, softmax(scores), rtol=1e-12)


def test_what_the_page_says_of_the_network_is_so(torch):
    """Every string of a length it was trained on is written without a mistake, and hardly one at twice that."""
    from lstmkit.experiments import reversal

    data = exported("attention_map")
    assert min(data["right"][: data["longest"]]) >= 0.99 * data["strings"]
    assert data["right"][-1] < 0.05 * data["strings"]
    assert len(data["right"]) == 2 * data["longest"]
    model, seed = widgets.reversing_from_json(data), data["provenance"]["settings"]["seed"]
    for n, right in enumerate(data["right"], start=1):
        strings = reversal.tensors(np.random.default_rng([seed, 3, n]), n, data["strings"], "cpu")
        assert round(data["strings"] * reversal.whole(model, strings)) == pytest.approx(right, abs=1)


def test_a_network_comes_back_from_its_json(torch):
    settings = widgets.SETTINGS["attention_map"] | {"longest": 2, "steps": 3, "strings": 4}
    data = widgets.reversing_network(**settings)
    assert json.loads(json.dumps(data)) == data
    again = widgets.reversing_as_json(widgets.reversing_from_json(data))
    assert again == {name: data[name] for name in again}
    assert set(data) | {"provenance"} == set(exported("attention_map"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[...xs].reverse()).reverse()", "xs)"),
        ("[there[there.length - 1], back[0]]", "[there[there.length - 1], back[back.length - 1]]"),
        ("[there[there.length - 1], back[0]]", "[there[0], back[0]]"),
        ("c: join(last.c, first.c)", "c: join(last.h, first.h)"),
        ("Math.exp(score - largest)", "Math.exp(2 * (score - largest))"),
        ("dot(row, query)", "0 * dot(row, query)"),
        ("Math.tanh(a + dot(W_k[k], key))", "a + dot(W_k[k], key)"),
        ("attend(network.attention, state.h, states)", "attend(network.attention, state.c, states)"),
        ("network.embedding.length - 1]; //", "0]; //"),
        ("before = indexOfLargest(scores);", "before = before;"),
        ("[...state.h, ...context])", "[...context, ...state.h])"),
    ],
)
def test_a_wrong_attention_is_seen(rng, tmp_path, old, new):
    wrong = mutated(tmp_path, "attention_map", old, new)
    strings = [rng.integers(10, size=n).tolist() for n in (3, 9, 12)]

    def all_agree():
        for _ in range(5):  # a network that says the same symbol all along does not notice which one it is given
            agrees_with_numpy(random_network(rng, *SIZES[1]), strings, wrong)

    with pytest.raises(AssertionError):
        all_agree()


# The gradient microscope


def test_the_exported_gradients_are_those_of_the_experiment():
    data, settings = exported("gradient_microscope"), widgets.SETTINGS["gradient_microscope"]
    found = gradient_lag.run(**settings)
    for kind in ("norm", "direct"):
        assert list(data[kind]) == list(found[kind])
        for name, curve in found[kind].items():
            np.testing.assert_allclose(data[kind][name], curve, rtol=1e-6)


def crossing(norms, level):
    """The first lag at which log norm is log level, by interpolation; None if never."""
    height = np.log(norms) - np.log(level)
    for lag in range(len(height) - 1):
        low, high = sorted(height[lag : lag + 2])
        if low <= 0 <= high:
            return float(lag + np.interp(0, [low, high], [0, 1] if height[lag] == low else [1, 0]))
    return None


def reads_as_numpy(norms, folder=SCRIPTS):
    lags, levels = [1, 7, len(norms) - 1], [1e-3, 0.5, 1e3]
    found = node(
        "(({ meanFactor, fittedFactor, crossing }) => ({ mean: given.lags.map((lag) => meanFactor(given.norms, lag)),"
        " fitted: fittedFactor(given.norms), crossing: given.levels.map((level) => crossing(given.norms, level)) }))"
        "(widget('gradient_microscope'))",
        {"norms": list(norms), "lags": lags, "levels": levels},
        folder,
    )
    norms = np.array(norms)
    np.testing.assert_allclose(found["mean"], [np.exp(np.log(norms[k] / norms[0]) / k) for k in lags], rtol=1e-9)
    np.testing.assert_allclose(found["fitted"], gradient_lag.per_step_factor(norms), rtol=1e-9)
    for level, lag in zip(levels, found["crossing"], strict=True):
        want = crossing(norms, level)
        assert (lag is None) == (want is None), level
        assert lag == pytest.approx(want, abs=1e-9), level


def test_readings_equal_numpy(rng):
    for norms in exported("gradient_microscope")["norm"].values():
        reads_as_numpy(norms)
    for drift in (-0.3, 0.0, 0.3):
        reads_as_numpy(np.exp(np.concatenate([[0], np.cumsum(rng.normal(drift, 0.3, size=99))])).tolist())


def test_a_level_met_exactly():
    given = "widget('gradient_microscope').crossing(given, {level})"
    assert node(given.format(level=1), [1, 0.5, 0.25]) == 0
    assert node(given.format(level=0.5), [1, 0.5, 0.25]) == pytest.approx(1)
    assert node(given.format(level=2), [1, 0.5, 0.25]) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(1 / lag)", "(1 / (lag + 1))"),
        ("(norms[lag] / norms[0])", "norms[lag - 1]"),
        ("last = 80", "last = 90"),
        ("(lag - middle) * Math.log", "lag * Math.log"),
        ("return lag - 1 + height", "return lag + height"),
        ("Math.log(norm / level)", "norm - level"),
    ],
)
def test_a_wrong_reading_is_seen(rng, tmp_path, old, new):
    norms = np.exp(np.concatenate([[0], np.cumsum(rng.normal(-0.3, 0.3, size=99))])).tolist()
    with pytest.raises(AssertionError):
        reads_as_numpy(norms, mutated(tmp_path, "gradient_microscope", old, new))


# Which curve is the forecast?

NAMES = ["price", "forecast", "yesterday"]
SCORES = (
    "(({ curves, scores }) => { const all = curves(given.data, given.start, given.count);"
    " return Object.fromEntries(Object.keys(all).map((name) => [name, scores(all[name], all)])); })"
    "(widget('which_curve'))"
)


def scores_by_numpy(data, start, count):
    """error, today and yesterday of each curve, cut from the data another way."""
    price, forecast = np.array(data["price"]), np.array(data["forecast"])
    now, before = price[1:][start : start + count], price[:-1][start : start + count]
    each = {"price": now, "forecast": forecast[start : start + count], "yesterday": before}
    return {
        name: {
            "error": forecasting.rmse(now, curve),
            "today": np.corrcoef(curve, now)[0, 1],
            "yesterday": np.corrcoef(curve, before)[0, 1],
        }
        for name, curve in each.items()
    }


def scores_agree(data, start, count, folder=SCRIPTS):
    found = node(SCORES, {"data": data, "start": start, "count": count}, folder)
    assert set(found) == set(NAMES)
    for name, want in scores_by_numpy(data, start, count).items():
        for kind, value in want.items():
            assert found[name][kind] == pytest.approx(value, rel=1e-9, abs=1e-12), (name, kind)


def walk(rng, days=60):
    price = 500 + np.cumsum(rng.normal(size=days + 1))
    return {"price": price.tolist(), "forecast": (price[:-1] + rng.normal(size=days)).tolist()}


def test_scores_equal_numpy(rng):
    for data in (exported("which_curve"), walk(rng)):
        days = len(data["forecast"])
        for start, count in ((0, days), (0, 30), (days - 30, 30), (7, 12)):
            scores_agree(data, start, count)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Math.sqrt(mean(a.map", "(mean(a.map"),
        ("slice(start + 1, start + 1 + count)", "slice(start, start + count)"),
        ("yesterday: data.price.slice(start,", "yesterday: data.price.slice(start + 1,"),
        ("forecast: data.forecast.slice(start, start + count)", "forecast: data.forecast.slice(0, count)"),
        ("today: correlation(curve, price), yesterday: correlation(curve, yesterday)",
         "today: correlation(curve, yesterday), yesterday: correlation(curve, price)"),
        ("together(a, mean_a, a, mean_a) *", "together(a, mean_b, a, mean_b) *"),
    ],
)  # fmt: skip
def test_a_wrong_score_is_seen(rng, tmp_path, old, new):
    data = walk(rng)
    scores_agree(data, 20, 30)
    with pytest.raises(AssertionError):
        scores_agree(data, 20, 30, mutated(tmp_path, "which_curve", old, new))


def test_every_window_lies_within_the_days_and_every_order_comes():
    deals = node("Array.from({ length: 300 }, (_, k) => widget('which_curve').deal(k + 1, 211, 30))")
    assert all(sorted(deal["names"]) == sorted(NAMES) for deal in deals)
    assert len({tuple(deal["names"]) for deal in deals}) == 6
    starts = [deal["start"] for deal in deals]
    assert min(starts) >= 0
    assert max(starts) + 30 <= 211
    assert len(set(starts)) > 100
    short = node("Array.from({ length: 50 }, (_, k) => widget('which_curve').deal(k, 4, 3).start)")
    assert set(short) == {0, 1}


def test_the_exported_prices_are_those_of_the_data():
    from lstmkit.data import goog
    from lstmkit.data.split import split

    data, (dates, close) = exported("which_curve"), goog.load()
    held = len(split(close).test)
    assert len(data["dates"]) == len(data["forecast"]) == held
    assert data["dates"] == dates[-held:].astype(str).tolist()
    np.testing.assert_allclose(data["price"], close[-held - 1 :], rtol=1e-6)


@pytest.mark.slow
def test_the_exported_forecast_is_that_of_the_experiment():
    """Trained anew; another processor may train a little otherwise."""
    data = exported("which_curve")
    again = widgets.share_price(**widgets.SETTINGS["which_curve"])
    assert again["price"] == data["price"]
    gap = np.subtract(again["forecast"], data["forecast"])
    assert np.sqrt(np.mean(gap**2)) < 0.5 * scores_by_numpy(data, 0, 211)["forecast"]["error"]


def test_what_the_page_says_of_the_forecast_is_so():
    """It goes with the price before more closely than with its own, and errs more than who repeats the price."""
    found = scores_by_numpy(exported("which_curve"), 0, 211)
    assert found["forecast"]["yesterday"] > 0.99 > found["forecast"]["today"]
    assert found["forecast"]["error"] > found["yesterday"]["error"]


# In a page
PAGE = """<!doctype html>
<html lang="en" data-theme="{theme}"><head><meta charset="utf-8"><title>{name}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
<style>html[data-theme=dark] {{ color-scheme: dark; background: #14181e; color: #ced6dd;
--pst-color-text-base: #ced6dd; --pst-color-surface: #29313d; }}</style></head>
<body class="bd-article"><div class="widget" data-widget="{name}">
<script type="application/json">{data}</script><div class="widget-fallback"><p>Without scripts.</p></div></div>
{scripts}</body></html>"""


@pytest.fixture
def opened(chromium, tmp_path):
    """opened(name, width, theme): a page with the widget, opened from disk; it complained of nothing until the end."""
    watched, contexts = [], []

    def open_page(name, width=1000, theme="light", scripts=True):
        sources = [SCRIPTS / f"{script}.js" for script in ("numbers", "plot", name)]
        html = PAGE.format(
            theme=theme,
            name=name,
            style=(SCRIPTS.parent / "book.css").as_uri(),
            data=json.dumps(exported(name)).replace("<", "\\u003c"),
            scripts="".join(f'<script defer src="{source.as_uri()}"></script>' for source in sources),
        )
        path = tmp_path / f"{name}.html"
        path.write_text(html, encoding="utf-8")
        contexts.append(chromium.new_context(java_script_enabled=scripts, viewport={"width": width, "height": 800}))
        page = contexts[-1].new_page()
        watched.append(complaints(page))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [found for found in watched if found] == []


def output(page, name):
    """What an <output> says, with all its digits; text where it is no number."""
    value = page.locator(f'output[data-name="{name}"]').get_attribute("data-value")
    try:
        return float(value)
    except ValueError:
        return value


LEARNED = ["gradient_microscope", "attention_map", "which_curve"]


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNED)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_it_whole(opened, name, theme):
    page = opened(name, width=375, theme=theme)
    assert page.locator(".widget-live").is_visible()
    assert not page.locator(".widget-fallback").is_visible()
    if name == "which_curve":
        page.get_by_role("button", name="reveal").click()
    if name == "attention_map":
        page.get_by_label("digits to write backwards").fill("9" * 24)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    sides = "[...document.querySelectorAll('.widget output')].map((o) => o.getBoundingClientRect())"
    assert page.evaluate(f"{sides}.every((box) => box.left >= 0 && box.right <= innerWidth)")
    unnamed = "[...document.querySelectorAll('.widget input, .widget select')].filter((i) => !i.labels.length).length"
    assert page.evaluate(unnamed) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNED)
def test_without_scripts_its_body_is_read(opened, name):
    assert opened(name, scripts=False).get_by_text("Without scripts.").is_visible()


CONTRAST = """(elements) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const over = (ground, colour) => {  // as the browser paints it, whatever it is written as
    canvas.fillStyle = `rgb(${ground})`; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  return elements.map((element) => {
    const chain = [];
    for (let e = element; e; e = e.parentElement) chain.unshift(getComputedStyle(e).backgroundColor);
    const ground = chain.reduce(over, [255, 255, 255]);
    const pair = [light(ground), light(over(ground, getComputedStyle(element).color))].sort((a, b) => b - a);
    return (pair[0] + 0.05) / (pair[1] + 0.05);
  });
}"""


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNED)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out_from_their_ground(opened, name, theme):
    page = opened(name, theme=theme)
    if name == "which_curve":
        page.get_by_role("button", name="reveal").click()
    kinds = "td, th, output, label, p, dt, legend, input[type=text], select, button, summary"
    words = page.locator(".widget").locator(kinds)
    assert min(words.evaluate_all(CONTRAST)) >= 4.5


@pytest.mark.slow
def test_the_microscope_by_keyboard(opened):
    data, page = exported("gradient_microscope"), opened("gradient_microscope")
    lag, first = page.get_by_label("lag", exact=True), page.get_by_label("first network")

    def shows(word, name, k):
        norms = np.array(data["norm"][name])
        assert output(page, "lag") == k
        assert output(page, f"{word}_left") == pytest.approx(norms[k], rel=1e-6)
        assert output(page, f"{word}_mean") == pytest.approx(norms[k] ** (1 / k), rel=1e-6)
        assert output(page, f"{word}_fitted") == pytest.approx(gradient_lag.per_step_factor(norms), rel=1e-6)
        direct = data["direct"].get(name)
        assert output(page, f"{word}_direct") == (pytest.approx(direct[k], rel=1e-6) if direct else "none")

    shows("first", "LSTM b_f=1", 40)
    shows("second", "RNN gain 1", 40)
    lag.focus()
    page.keyboard.press("ArrowRight")
    shows("first", "LSTM b_f=1", 41)
    page.keyboard.press("End")
    shows("second", "RNN gain 1", 99)
    first.focus()
    page.keyboard.press("ArrowDown")
    shows("first", "LSTM b_f=3", 99)
    for name in data["norm"]:
        first.select_option(name)
        page.get_by_label("second network").select_option(name)
        shows("first", name, 99)
        shows("second", name, 99)
        assert page.locator("svg[role=img] > path:not(.plot-axis)").count() == 3
    lag.focus()
    page.keyboard.press("Home")
    shows("first", name, 1)
    page.locator("summary").click()
    rows = page.locator("details tbody tr")
    rows.first.wait_for()
    assert rows.count() == 100
    cells = [cell.get_attribute("data-value") for cell in rows.nth(40).locator("td").all()]
    want = [40, data["norm"][name][40], data["norm"][name][40], data["direct"][name][40]]
    assert [float(cell) for cell in cells] == pytest.approx(want)
    page.wait_for_timeout(900)  # what is said waits for the hand to rest
    assert "LSTM forget bias 10" in page.locator(".widget-spoken").inner_text()


@pytest.mark.slow
def test_the_attention_map_by_keyboard(opened):
    data, page = exported("attention_map"), opened("attention_map")
    text, count = page.get_by_label("digits to write backwards"), page.get_by_label("random digits, this many")

    def shows(string):
        digits = [int(sign) for sign in string]
        scores, weights = by_numpy(data, digits)
        answer = scores.argmax(axis=1)
        right, due = answer == digits[::-1], np.arange(len(digits))[::-1]
        assert page.locator('output[data-name="answer"]').inner_text() == "".join(map(str, answer))
        assert output(page, "right") == f"{right.sum()} of {len(digits)}"
        assert output(page, "looked") == f"{(weights.argmax(axis=1) == due).sum()} of {len(digits)}"
        known = len(digits) <= len(data["right"])
        often = f"{data['right'][len(digits) - 1]} of {data['strings']}" if known else "not measured"
        assert output(page, "often") == often
        cells = page.locator("table.attention-map td")
        found = cells.evaluate_all("(cells) => cells.map((cell) => Number(cell.dataset.value))")
        np.testing.assert_allclose(np.reshape(found, weights.shape), weights, rtol=0, atol=1e-6)
        words = cells.evaluate_all("(cells) => cells.map((cell) => Number(cell.textContent))")
        np.testing.assert_allclose(np.reshape(words, weights.shape), 100 * weights, rtol=0, atol=0.5 + 1e-9)
        heads = page.locator("table.attention-map th[scope=row]").all_inner_texts()
        assert [("right" in head) for head in heads] == right.tolist()
        assert [int(head[0]) for head in heads] == answer.tolist()

    shows("31415926")
    text.focus()
    page.keyboard.press("End")
    page.keyboard.type("5x35")
    shows("31415926535")
    page.wait_for_timeout(900)
    said = page.locator(".widget-spoken").inner_text()
    assert "longer than any it was trained on" in said
    assert "Only the digits 0 to 9 are read." in said
    for string in STRINGS:
        text.fill(string)
        shows(string)
        assert output(page, "count") == min(len(string), 16)
    text.fill("")
    assert page.locator("table.attention-map td").count() == 0
    assert page.locator('output[data-name="answer"]').inner_text() == "none"
    count.focus()
    page.keyboard.press("Home")
    assert len(text.input_value()) == 1
    shows(text.input_value())
    page.keyboard.press("End")
    assert len(text.input_value()) == 16
    shows(text.input_value())
    page.keyboard.press("ArrowLeft")
    before = text.input_value()
    assert len(before) == 15
    page.get_by_role("button", name="other digits").focus()
    page.keyboard.press("Enter")
    assert text.input_value() != before
    shows(text.input_value())


@pytest.mark.slow
def test_the_guessing_game_by_keyboard(opened):
    data, page = exported("which_curve"), opened("which_curve")
    reveal, another = (page.get_by_role("button", name=name) for name in ("reveal", "another window"))
    deals = node("[1, 2, 3, 4].map((round) => widget('which_curve').deal(round, 211, 30))")
    named, asked = 0, 0
    for round, deal in enumerate(deals):
        assert page.locator("output[data-name]").count() == 0  # nothing is given away
        assert data["dates"][deal["start"]] in page.locator(".widget-finding").inner_text()
        for k, letter in enumerate("ABC"):
            guess = page.get_by_label(f"{letter} is")
            guess.focus()
            if round == 0:
                guess.select_option(deal["names"][k])  # all right
            elif round < 3:
                for _ in range(1 + (k + round) % 3):
                    page.keyboard.press("ArrowDown")  # by the keys alone; in round 3 no guess at all
        guesses = [page.get_by_label(f"{letter} is").input_value() for letter in "ABC"]
        right = sum(guess == name for guess, name in zip(guesses, deal["names"], strict=True))
        if any(guesses):
            named, asked = named + right, asked + 3
        reveal.focus()
        page.keyboard.press("Enter")
        said = page.locator(".widget-finding").inner_text()
        assert f"The forecast is {'ABC'[deal['names'].index('forecast')]}." in said
        assert (f"You named {right} of 3 right, {named} of {asked} so far." in said) == any(guesses)
        for word, start, days in (("window", deal["start"], 30), ("all", 0, 211)):
            for name, want in scores_by_numpy(data, start, days).items():
                for kind, value in want.items():
                    assert output(page, f"{word}_{name}_{kind}") == pytest.approx(value, rel=1e-6, abs=1e-9)
        heads = page.locator("table").first.locator("th[scope=row]").all_inner_texts()
        for head, letter, guess, name in zip(heads, "ABC", guesses, deal["names"], strict=True):
            assert head.startswith(f"{letter}: ")
            assert ("right" in head) == (guess == name)
            assert ("wrong" in head) == (guess not in (name, ""))
        assert reveal.is_disabled()
        another.focus()
        page.keyboard.press("Space")
    page.locator("summary").click()
    rows = page.locator("details tbody tr")
    rows.first.wait_for()
    assert rows.count() == 30
