// The half-life of what a cell state holds, and the bias of the forget gate that gives it: each from the other.
plot.mount("half_life", "Half-life and forget bias", (place) => {
  "use strict";
  const { halfLife, biasOfHalfLife, retention, sigmoid } = numbers;
  const START = 1; // the bias that the book's networks start with

  const bias = plot.slider({
    label: "bias b of the forget gate", name: "bias", min: -4, max: 14, step: 0.1, value: START,
    oninput: (b) => {
      life.value = halfLife(b);
      show();
    },
  });
  const life = plot.slider({
    label: "half-life", name: "half_life", unit: "steps", min: -1, max: 6, step: 0.05, value: halfLife(START),
    map: { value: (p) => 10 ** p, position: Math.log10 },
    oninput: (steps) => {
      bias.value = biasOfHalfLife(steps);
      show();
    },
  });
  const AFTER = [1, 10, 100, 1000];
  const left = plot.readouts([
    { name: "forget", label: "forget gate σ(b)" },
    ...AFTER.map((steps) => ({ name: `after_${steps}`, label: `left after ${plot.format(steps)}` })),
  ]);
  const xs = Array.from({ length: 121 }, (_, k) => 10 ** (k / 30)); // 1 to 10,000 steps
  const curve = plot.lines({
    title: "What is left of the cell state", x: "steps t, logarithmic", y: "share left, σ(b)ᵗ", yRange: [0, 1], xLog: true,
    series: [{ name: "σ(b)ᵗ", letter: "f" }],
  });
  const finding = plot.live();

  function show() {
    const [b, steps] = [bias.value, life.value];
    left.set({ forget: sigmoid(b), ...Object.fromEntries(AFTER.map((t) => [`after_${t}`, retention(b, t)])) });
    const text =
      `With b = ${plot.format(b)} the gate stands at ${plot.format(sigmoid(b))}, and half is gone after ` +
      `${plot.format(steps)} steps. One more in b would make it ${plot.format(halfLife(b + 1))}.`;
    const marks = steps >= 1 && steps <= 10000 ? [{ x: steps, text: "half" }] : [];
    curve.update({ xs, ys: [xs.map((t) => retention(b, t))], marks, finding: text });
    finding.say(text);
  }

  const buttons = [10, 100, 1000].map((steps) =>
    plot.button({
      label: `half-life ${plot.format(steps)}`,
      onclick: () => {
        life.value = steps;
        bias.value = biasOfHalfLife(steps);
        show();
      },
    }),
  );
  place.append(
    bias.element, life.element, plot.element("div", { class: "widget-buttons" }, ...buttons),
    left.element, curve.element, finding.element,
  );
  show();
});
