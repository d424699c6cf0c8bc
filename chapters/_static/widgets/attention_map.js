// A trained encoder-decoder with attention writes digits backwards, here in the page.  The twin of
// lstmkit/torch/encoder_decoder.py with a bidirectional encoder and additive attention, tested equal to it.
//
//   s_j = [→h_j; ←h_j]                                       an LSTM reads the digits each way
//   e_tj = vᵀ tanh(W_q h_{t-1} + W_k s_j)                    how well digit j fits what is wanted before answer t
//   α_tj = exp(e_tj) / Σ_k exp(e_tk)                         the weights, one row for each answer
//   context_t = Σ_j α_tj s_j
//   h_t, c_t = LSTM([y_{t-1}, context_t], h_{t-1}, c_{t-1})  the decoder, fed its own last answer
//   y_t = the largest of W [h_t, context_t] + b
(() => {
  "use strict";
  const inNode = typeof module === "object" && module.exports;
  const { dot, forward, readout, step } = inNode ? require("./numbers.js") : globalThis.numbers;

  // What both directions say of each digit, side by side, and the state after both: the decoder's first.
  function encode(network, digits) {
    const xs = digits.map((digit) => network.embedding[digit]);
    const there = forward(network.encoder.forward, xs);
    const back = forward(network.encoder.backward, [...xs].reverse()).reverse();
    const join = (one, other) => [...one, ...other];
    const [last, first] = [there[there.length - 1], back[0]];
    return {
      states: there.map(({ h }, j) => join(h, back[j].h)),
      state: { h: join(last.h, first.h), c: join(last.c, first.c) },
    };
  }

  function softmax(scores) {
    const largest = Math.max(...scores);
    const e = scores.map((score) => Math.exp(score - largest));
    const total = e.reduce((sum, value) => sum + value, 0);
    return e.map((value) => value / total);
  }

  // The weight of each key for a query, and the mean of the keys by these weights.
  function attend({ W_q, W_k, v }, query, keys) {
    const asked = W_q.map((row) => dot(row, query));
    const scores = keys.map((key) => dot(v, asked.map((a, k) => Math.tanh(a + dot(W_k[k], key)))));
    const weights = softmax(scores);
    return { weights, context: keys[0].map((_, k) => dot(weights, keys.map((key) => key[k]))) };
  }

  const indexOfLargest = (values) => values.indexOf(Math.max(...values));

  // One row for each answer: the digit, its scores, and the weights of the digits that were read.  Of no digits, none.
  function reverse(network, digits) {
    if (!digits.length) return [];
    const { states, state: first } = encode(network, digits);
    let [state, before] = [first, network.embedding.length - 1]; // the last word says: begin
    return digits.map(() => {
      const { weights, context } = attend(network.attention, state.h, states);
      state = step(network.decoder, [...network.embedding[before], ...context], state);
      const scores = readout(network.readout, [...state.h, ...context]);
      before = indexOfLargest(scores);
      return { digit: before, scores, weights };
    });
  }

  // Whether each answer is the digit that was due, and whether its largest weight lay on that digit.
  function judge(digits, answers) {
    const due = (t) => digits.length - 1 - t;
    return answers.map(({ digit, weights }, t) => ({
      due: due(t), right: digit === digits[due(t)], looked: indexOfLargest(weights),
    }));
  }

  if (inNode) {
    module.exports = { encode, softmax, attend, reverse, judge };
    return;
  }

  const SHOWN = 24; // digits that a string may have here

  plot.mount("attention_map", "Where attention looks while it writes backwards", (place, data) => {
    const { element } = plot;
    let seed = 0;
    const id = `attention-map-${document.querySelectorAll(".attention-map-digits").length}`;
    const text = element("input", {
      id, class: "attention-map-digits", type: "text", inputmode: "numeric", maxlength: SHOWN, autocomplete: "off",
      style: "font: inherit; font-variant-numeric: tabular-nums; color: inherit; background: transparent; " +
        "border: 1px solid; border-radius: .3rem; padding: .2rem .5rem; width: 100%; box-sizing: border-box",
    });
    text.value = "31415926";
    text.addEventListener("input", () => show());
    const label = element("label", { for: id }, "digits to write backwards");
    const typed = element("div", { style: "margin-bottom: .5rem" }, label, text);
    const draw = (count) => {
      const chance = globalThis.numbers.random(++seed);
      text.value = Array.from({ length: count }, () => Math.floor(10 * chance())).join("");
      show();
    };
    const count = plot.slider({
      label: "random digits, this many", name: "count", min: 1, max: 2 * data.longest, step: 1, value: 8, oninput: draw,
    });
    const again = plot.button({ label: "other digits", onclick: () => draw(count.value) });
    const totals = plot.readouts([
      { name: "answer", label: "answer" }, { name: "right", label: "digits right" },
      { name: "looked", label: "largest weight on the digit due" },
      { name: "often", label: "random strings of this length without a mistake" },
    ]);
    totals.element.querySelector("[data-name=answer]").style.cssText = "white-space: normal; overflow-wrap: anywhere";
    const caption = "Weights: one row for each answer, one column for each digit that was read";
    const map = element("table", { class: "attention-map", style: "width: auto; margin: 0" });
    const region = { class: "widget-table", tabindex: "0", role: "region", "aria-label": caption };
    const scrolling = element("div", { ...region, style: "max-height: none" }, map);
    const key = element("p", { style: "font-size: .88em; margin: .3rem 0" },
      "Each number is a weight in percent; the stronger its ground, the larger. A frame marks the digit that is due, " +
      "heavy print the largest weight. A wide table scrolls sideways.");
    const finding = plot.live();

    function cell(weight, j, { due, looked }) {
      const mixed = `background: color-mix(in srgb, var(--sym-i) ${(40 * weight).toFixed(1)}%, transparent)`;
      const style = [mixed, "color: inherit", "padding: .2rem .3rem", "min-width: 1.9rem"];
      if (j === due) style.push("box-shadow: inset 0 0 0 2px currentColor");
      if (j === looked) style.push("font-weight: 700");
      const percent = String(Math.round(100 * weight));
      return element("td", { "data-value": weight, style: style.join("; ") }, percent);
    }

    function show() {
      const digits = [...text.value].filter((sign) => sign >= "0" && sign <= "9").map(Number);
      if (digits.length) count.value = Math.min(digits.length, 2 * data.longest);
      const answers = reverse(data, digits);
      const judged = judge(digits, answers);
      const right = judged.filter((answer) => answer.right).length;
      const looked = judged.filter((answer) => answer.looked === answer.due).length;
      const often = data.right[digits.length - 1];
      totals.set({
        answer: answers.map(({ digit }) => digit).join("") || "none",
        right: `${right} of ${digits.length}`, looked: `${looked} of ${digits.length}`,
        often: often === undefined ? "not measured" : `${often} of ${data.strings}`,
      });
      const top = element("tr", {}, element("th", { scope: "col" }, "answer"),
        ...digits.map((digit) => element("th", { scope: "col", style: "padding: .2rem .3rem" }, String(digit))));
      const rows = answers.map(({ digit, weights }, t) => {
        const verdict = judged[t].right ? "right" : `wrong, ${digits[judged[t].due]} due`;
        const given = { scope: "row", "data-digit": digit, "data-right": judged[t].right };
        const head = element("th", given, `${digit} ${verdict}`);
        return element("tr", {}, head, ...weights.map((weight, j) => cell(weight, j, judged[t])));
      });
      map.replaceChildren(element("caption", {}, caption), element("thead", {}, top), element("tbody", {}, ...rows));
      const trained = digits.length <= data.longest
        ? "a length it was trained on" : `longer than any it was trained on, ${data.longest} at most`;
      const strange = digits.length < text.value.length ? " Only the digits 0 to 9 are read." : "";
      const found = digits.length
        ? `${right} of ${digits.length} digits right; the largest weight lies on the digit that is due ${looked} of ` +
          `${digits.length} times. This is ${trained}.`
        : "There is nothing to read.";
      finding.say(found + strange);
    }

    const buttons = element("div", { class: "widget-buttons" }, again);
    place.append(typed, count.element, buttons, totals.element, scrolling, key, finding.element);
    show();
  });
})();
