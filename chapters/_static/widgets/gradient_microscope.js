// How much of a gradient is left after so many steps backward, in networks before training.  The curves are those of
// lstmkit/experiments/gradient_lag.py; what is read off them here is tested equal to NumPy.
(() => {
  "use strict";
  const inNode = typeof module === "object" && module.exports;

  // The factor a step from lag 0 to `lag`: what it would be if every step had the same.
  const meanFactor = (norms, lag) => (norms[lag] / norms[0]) ** (1 / lag);

  // The factor a step of a straight line through the logarithms, from lag `first` to lag `last`.
  function fittedFactor(norms, first = 20, last = 80) {
    const middle = (first + last) / 2;
    let [above, below] = [0, 0];
    for (let lag = first; lag <= last; lag++) {
      above += (lag - middle) * Math.log(norms[lag]);
      below += (lag - middle) ** 2;
    }
    return Math.exp(above / below);
  }

  // The first lag at which the norm is `level`, between two lags on the straight line of the logarithms; null if never.
  function crossing(norms, level) {
    const height = norms.map((norm) => Math.log(norm / level));
    if (height[0] === 0) return 0;
    for (let lag = 1; lag < height.length; lag++) {
      if (height[lag] === 0 || height[lag] > 0 !== height[0] > 0) {
        return lag - 1 + height[lag - 1] / (height[lag - 1] - height[lag]);
      }
    }
    return null;
  }

  if (inNode) {
    module.exports = { meanFactor, fittedFactor, crossing };
    return;
  }

  const THOUSANDFOLD = 1000;
  const LABELS = { RNN: "RNN, the start of torch" };
  const short = (value) => plot.format(Number(value.toPrecision(3))); // of 3.2787474e13 too

  // data.norm {network: one number for each lag}; data.direct the same along the carousel alone, for the LSTMs.
  plot.mount("gradient_microscope", "How much of a gradient is left?", (place, data) => {
    const names = Object.keys(data.norm);
    const last = data.norm[names[0]].length - 1;
    const options = names.map((name) => ({ value: name, label: LABELS[name] || name.replace("b_f=", "forget bias ") }));
    const called = (name) => options.find(({ value }) => value === name).label;
    const first = plot.choice({ label: "first network", options, value: "LSTM b_f=1", onchange: show });
    const second = plot.choice({ label: "second network", options, value: "RNN gain 1", onchange: show });
    const lag = plot.slider({ label: "lag", unit: "steps", min: 1, max: last, step: 1, value: 40, oninput: show });
    const curve = plot.lines({
      title: "Norm of a gradient of 1 on its way back", x: "lag (steps back)", y: "log₁₀ of the norm", height: 260,
      series: [
        { name: "first network", letter: "f" }, { name: "second network", letter: "i" },
        { name: "first network, along its carousel alone", letter: "h" },
      ],
    });
    const labels = {
      left: "left at the lag", mean: "factor a step so far", fitted: "factor a step, lags 20 to 80",
      direct: "left along the carousel alone",
    };
    const columns = [["first", first], ["second", second]].map(([word, chosen]) => {
      const entries = Object.entries(labels).map(([name, label]) => ({ name: `${word}_${name}`, label }));
      const legend = plot.element("legend");
      const numbers = plot.readouts(entries);
      return { word, chosen, numbers, legend, element: plot.element("fieldset", {}, legend, numbers.element) };
    });
    const values = plot.table({
      caption: "All the numbers", columns: ["lag", "first network", "second network", "first, carousel alone"],
    });
    const finding = plot.live();

    function set(numbers, values) {
      numbers.set(values);
      for (const output of numbers.element.querySelectorAll("output")) {
        const value = values[output.dataset.name];
        if (typeof value === "number") output.textContent = short(value);
      }
    }

    function said(name) {
      const norms = data.norm[name];
      const grows = norms[last] > norms[0];
      const at = crossing(norms, grows ? THOUSANDFOLD : 1 / THOUSANDFOLD);
      const [verb, change] = grows ? ["grow", "a thousandfold"] : ["shrink", "to a thousandth"];
      const does = at === null ? `does not ${verb}` : `${verb}s`;
      const now = `${called(name)}: ${short(norms[lag.value])} after ${lag.value} steps`;
      return `${now}; it ${does} ${change} in ${short(at === null ? last : at)} steps.`;
    }

    function show() {
      for (const { word, chosen, numbers, legend } of columns) {
        const norms = data.norm[chosen.value];
        legend.textContent = `${word} network: ${called(chosen.value)}`;
        const direct = data.direct[chosen.value];
        set(numbers, {
          [`${word}_left`]: norms[lag.value], [`${word}_mean`]: meanFactor(norms, lag.value),
          [`${word}_fitted`]: fittedFactor(norms), [`${word}_direct`]: direct ? direct[lag.value] : "none",
        });
      }
      const direct = data.direct[first.value];
      const heights = (norms) => Array.from({ length: last + 1 }, (_, k) => (norms ? Math.log10(norms[k]) : NaN));
      const text = `${said(first.value)} ${said(second.value)}`;
      const marks = [{ x: lag.value, text: `lag ${lag.value}` }];
      const ys = [data.norm[first.value], data.norm[second.value], direct].map(heights);
      curve.update({ ys, marks, finding: text });
      finding.say(text);
      const rest = (k) => (direct ? direct[k] : "none");
      values.update(() => data.norm[first.value].map((norm, k) => [k, norm, data.norm[second.value][k], rest(k)]));
    }

    const chosen = plot.element("div", { class: "widget-buttons" }, first.element, second.element);
    place.append(chosen, lag.element, curve.element, finding.element, ...columns.map(({ element }) => element),
      values.element);
    show();
  });
})();
