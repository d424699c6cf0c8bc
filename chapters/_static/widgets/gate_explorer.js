// The gate explorer.  One unit whose biases and weights a reader sets by hand, or one unit of a network that lstmkit
// trained on the adding problem, its gates pushed by what is added to their biases.
plot.mount("gate_explorer", "Gate explorer", (place, data) => {
  "use strict";
  const { element } = plot;
  const GATES = { i: "input gate", f: "forget gate", g: "candidate", o: "output gate" };
  const HAND_STEPS = 100;
  const PULSE = 30; // the step at which the message arrives
  const START = { c_0: 1, x: 1, noise: 0.3, b_i: 0, b_f: 1, b_g: 0, b_o: 0, w_i: 0, w_f: 0, w_g: 1, w_o: 0, u: 0 };
  const PRESETS = {
    "Ignore noise": { b_i: -8, b_f: 8, w_i: 0, w_f: 0 }, // hold: nothing comes in, nothing goes
    Erase: { b_i: -8, b_f: -8, w_i: 0, w_f: 0 }, // nothing comes in, everything goes
    "Let only the pulse in": { b_i: -8, b_f: 8, w_i: 14, w_f: 0 }, // the input gate reads the input itself
  };
  const SHUT = -12; // added to a trained bias, this shuts a gate
  const PUSHES = { "Ignore noise": { i: SHUT, f: -SHUT }, Erase: { i: SHUT, f: SHUT } };

  // One unit by hand

  const sliders = {};
  const hand = (name, label, least, most) => {
    const made = plot.slider({ name, label, min: least, max: most, step: 0.1, value: START[name], oninput: show });
    sliders[name] = made;
    return made.element;
  };
  const group = (title, ...parts) => element("fieldset", {}, element("legend", {}, title), ...parts);
  const weights = element("details", {}, element("summary", {}, "Weights"));
  weights.append(
    ...Object.keys(GATES).map((k) => hand(`w_${k}`, `w_${k}, from the input to ${k}`, -15, 15)),
    hand("u", "u, from h of the step before to g", -4, 4),
  );
  const handControls = element(
    "div", {},
    group("Biases", ...Object.entries(GATES).map(([k, name]) => hand(`b_${k}`, `b_${k}, ${name}`, -10, 10))),
    group(
      "Memory and input", hand("c_0", "c_0, before step 1", -2, 2), hand("x", `input at step ${PULSE}, the pulse`, -2, 2),
      hand("noise", "size of the noise at every step", 0, 1),
    ),
    weights,
  );
  const noise = numbers.random(1);
  const NOISE = Array.from({ length: HAND_STEPS }, () => 2 * noise() - 1);

  function readHand() {
    const v = Object.fromEntries(Object.entries(sliders).map(([name, made]) => [name, made.value]));
    const cell = {
      W_x: [[v.w_i], [v.w_f], [v.w_g], [v.w_o]], W_h: [[0], [0], [v.u], [0]], b: [v.b_i, v.b_f, v.b_g, v.b_o],
    };
    const xs = NOISE.map((n, t) => [v.noise * n + (t + 1 === PULSE ? v.x : 0)]);
    return { cell, xs, first: { h: [0], c: [v.c_0] }, unit: 0, marks: [{ x: PULSE, text: "pulse" }] };
  }

  // One unit of a trained network

  let sequence = 1;
  const H = data.cell.b.length / 4;
  const unitChoice = plot.choice({
    label: "unit", value: String(data.unit), onchange: show,
    options: Array.from({ length: H }, (_, k) => ({
      value: String(k), label: `${k + 1}${k === data.unit ? ", which carries the sum" : ""}`,
    })),
  });
  const pushes = Object.fromEntries(
    Object.entries(GATES).map(([k, name]) => [
      k, plot.slider({ name: `push_${k}`, label: `added to b_${k}, ${name}`, min: -12, max: 12, step: 0.1, value: 0, oninput: show }),
    ]),
  );
  const another = plot.button({
    label: "New random sequence",
    onclick: () => {
      sequence += 1;
      show();
    },
  });
  const trainedControls = element(
    "div", {}, element("div", { class: "widget-buttons" }, unitChoice.element, another),
    group("Push the gates of this unit", ...Object.values(pushes).map((push) => push.element)),
  );

  // A sequence of the adding problem: T values from 0 to 1, one of each half marked.
  function adding(T, seed) {
    const draw = numbers.random(seed);
    const values = Array.from({ length: T }, draw);
    const first = Math.floor(draw() * Math.floor(T / 2));
    const second = Math.floor(T / 2) + Math.floor(draw() * (T - Math.floor(T / 2)));
    const xs = values.map((value, t) => [value, t === first || t === second ? 1 : 0]);
    return { xs, first, second, answer: values[first] + values[second] };
  }

  function readTrained() {
    const unit = Number(unitChoice.value);
    const b = [...data.cell.b];
    Object.keys(GATES).forEach((k, block) => (b[block * H + unit] += pushes[k].value));
    const { xs, first, second, answer } = adding(data.T, 11 + sequence);
    const marks = [first, second].map((t) => ({ x: t + 1, text: plot.format(xs[t][0]) }));
    const cell = { ...data.cell, b };
    return { cell, xs, first: numbers.zeroState(cell), unit, marks, answer };
  }

  // What both show

  const mode = plot.choice({
    label: "Look at", value: "hand", onchange: change,
    options: [
      { value: "hand", label: "one unit set by hand" },
      { value: "trained", label: `a trained network of ${H} units` },
    ],
  });
  const presets = Object.keys(PRESETS).map((name) => plot.button({ label: name, onclick: () => set(PRESETS[name], PUSHES[name]) }));
  const reset = plot.button({
    label: "Reset",
    onclick: () => set(START, { i: 0, f: 0, g: 0, o: 0 }),
  });
  const at = plot.slider({ name: "t", label: "read step t", min: 1, max: HAND_STEPS, step: 1, value: HAND_STEPS, oninput: show });
  const read = plot.readouts([
    { name: "input", label: "input x" },
    ...Object.entries(GATES).map(([name, words]) => ({ name, label: `${name}, ${words}` })),
    { name: "c", label: "c, cell state" },
    { name: "h", label: "h, hidden state" },
    { name: "path", label: "∂c_T/∂c_t, cell path" },
    { name: "total", label: "∂c_T/∂c_t, whole" },
  ]);
  const answers = plot.readouts([
    { name: "answer", label: "sum of the marked" },
    { name: "said", label: "the network says" },
  ]);
  const inputs = plot.lines({ title: "Input", x: "step t", y: "x", height: 150, yCover: [0, 1], series: [{ name: "x" }] });
  const gates = plot.lines({
    title: "Gates and candidate", x: "step t", y: "value", height: 200, yRange: [-1, 1],
    series: Object.entries(GATES).map(([letter, name]) => ({ name: `${letter}, ${name}`, letter })),
  });
  const states = plot.lines({
    title: "Cell state and hidden state", x: "step t", y: "value", height: 180, yCover: [-0.5, 0.5],
    series: [{ name: "c, cell state", letter: "c" }, { name: "h, hidden state", letter: "h" }],
  });
  const gradients = plot.lines({
    title: "How much of c_t the last cell state still feels", x: "step t", y: "∂c_T/∂c_t", yCover: [0, 1],
    series: [{ name: "along the cell: product of f", letter: "f" }, { name: "whole, through h as well", letter: "h" }],
  });
  const table = plot.table({
    caption: "All the numbers", columns: ["t", "x", "i", "f", "g", "o", "c", "h", "∂c_T/∂c_t path", "∂c_T/∂c_t whole"],
  });
  const finding = plot.live();

  function set(byHand, byPush) {
    for (const [name, value] of Object.entries(byHand)) sliders[name].value = value;
    for (const [gate, value] of Object.entries(byPush || {})) pushes[gate].value = value;
    show();
  }

  function change() {
    const trained = mode.value === "trained";
    handControls.hidden = trained;
    trainedControls.hidden = !trained;
    answers.element.hidden = !trained;
    presets[2].hidden = trained; // the trained network lets in what is marked without our help
    const T = trained ? data.T : HAND_STEPS;
    at.input.max = T;
    at.value = T;
    show();
  }

  function show() {
    const { cell, xs, first, unit, marks, answer } = mode.value === "trained" ? readTrained() : readHand();
    const steps = numbers.forward(cell, xs, first);
    const T = steps.length;
    const path = numbers.pathGradient(steps).map((d) => d[unit]);
    const total = numbers.totalGradient(cell, steps, unit, first).map((d) => d[unit]);
    const of = (letter) => steps.map((step) => step[letter][unit]);
    const row = (t) => [xs[t - 1][0], ..."ifgoch".split("").map((k) => steps[t - 1][k][unit]), path[t], total[t]];
    const names = ["input", ..."ifgoch", "path", "total"];
    read.set(Object.fromEntries(row(at.value).map((value, k) => [names[k], value])));
    table.update(() => steps.map((_, k) => [k + 1, ...row(k + 1)]));

    const c_T = steps[T - 1].c[unit];
    const kept = path[0] * first.c[unit];
    let text;
    if (answer === undefined) {
      text =
        `After ${T} steps c is ${plot.format(c_T)}. Of it ${plot.format(kept)} was there before step 1: the forget gates ` +
        `have kept ${path[0] > 0 ? plot.format(path[0]) : "less than 10⁻³⁰⁰"} of ${plot.format(first.c[0])}. The other ${plot.format(c_T - kept)} came in through the input gate.`;
    } else {
      const said = numbers.readout(data.readout, steps[T - 1].h)[0];
      answers.set({ answer, said });
      text =
        `Sequence ${sequence}: the marked values add up to ${plot.format(answer)}, and the network says ${plot.format(said)}. ` +
        `From the first mark to the end the forget gates of unit ${unit + 1} keep ${plot.format(path[marks[0].x])} of its cell state.`;
    }
    const ts = steps.map((_, k) => k + 1);
    const reading = at.value < T ? [{ x: at.value, text: "" }] : [];
    const marked = marks.map(({ x, text }) => `step ${x} (${text})`).join(" and ");
    const { i, f, g, o } = Object.fromEntries([..."ifgo"].map((letter) => [letter, plot.format(steps[at.value - 1][letter][unit])]));
    const seen = [...marks, ...reading];
    inputs.update({ xs: ts, ys: [xs.map((x) => x[0])], marks, finding: `Noise, and at ${marked} what matters.` });
    gates.update({ xs: ts, ys: [..."ifgo"].map(of), marks: seen, finding: `At step ${at.value} i is ${i}, f ${f}, g ${g}, o ${o}.` });
    states.update({ xs: ts, ys: [of("c"), of("h")], marks: seen, finding: text });
    gradients.update({
      xs: [0, ...ts], ys: [path, total], marks: reading,
      finding: `At step 0 it is ${plot.format(path[0])} along the cell and ${plot.format(total[0])} in all.`,
    });
    finding.say(text);
  }

  place.append(
    element("div", { class: "widget-buttons" }, mode.element),
    element("div", { class: "widget-buttons" }, ...presets, reset),
    finding.element, answers.element, states.element, gates.element, handControls, trainedControls,
    inputs.element, gradients.element, at.element, read.element, table.element,
  );
  change();
});
