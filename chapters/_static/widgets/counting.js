// A trained LSTM of two units reads a^n b^n: what its cell states do, whether it accepts, and where it goes wrong.
plot.mount("counting", "An LSTM that counts", (place, data) => {
  "use strict";
  const { element, format } = plot;
  const LETTERS = ["the mark", "a", "b"];
  const LARGEST = data.limit;
  const H = data.networks[0].cell.b.length / 4;
  const units = Array.from({ length: H }, (_, k) => k);
  let network = data.networks[0]; // has cell, readout, trained_up_to and reach

  const which = plot.choice({
    label: "The network, trained on", value: "0",
    options: data.networks.map(({ trained_up_to }, k) => ({ value: String(k), label: `n up to ${format(trained_up_to)}` })),
    onchange: (k) => {
      network = data.networks[Number(k)];
      go("trained_up_to");
    },
  });
  const n = plot.slider({
    name: "n", label: "n, how many of each letter", min: 1, max: LARGEST, step: 1, value: network.trained_up_to, oninput: anew,
  });
  const jump = (label, key, more = 0) => plot.button({ label, onclick: () => go(key, more) });
  const buttons = [
    jump("Largest n of its training", "trained_up_to"), jump("Largest n it accepts", "reach"), jump("One more", "reach", 1),
  ];
  const at = plot.slider({ name: "t", label: "read symbol t", min: 0, max: 2, step: 1, value: 2, oninput: show });
  const verdict = plot.readouts([
    { name: "accepted", label: "the string is" },
    { name: "first_wrong", label: "first wrong step" },
    { name: "reach", label: "it accepts n up to" },
    ...units.flatMap((k) => ["a", "b"].map((letter) => ({ name: `per_${letter}_${k + 1}`, label: `c of unit ${k + 1} per ${letter}`, digits: 5 }))),
  ]);
  const read = plot.readouts([
    { name: "symbol", label: "symbol read" },
    { name: "may", label: "may follow, it says" },
    { name: "truth", label: "may follow" },
    ...units.map((k) => ({ name: `c_${k + 1}`, label: `c of unit ${k + 1}` })),
    ...units.map((k) => ({ name: `h_${k + 1}`, label: `h of unit ${k + 1}` })),
    ...LETTERS.map((letter, k) => ({ name: `score_${k}`, label: `score of ${letter}` })),
  ]);
  const cells = plot.lines({
    title: "Cell states over the string", x: "step t: the mark, then a, then b", y: "c", height: 230,
    series: units.map((k) => ({ name: `c of unit ${k + 1}`, letter: "c", dash: k ? "8 4" : "" })),
  });
  const ends = plot.lines({
    title: "Score of the mark, the end: above 0, it may follow", x: "step t", y: "score", height: 190,
    series: [{ name: "score", letter: "h", dash: "" }],
  });
  const finding = plot.live();
  const words = (may) => LETTERS.filter((_, k) => may[k]).join(" or ") || "nothing";
  let found;

  function go(key, more = 0) {
    n.value = Math.min(LARGEST, network[key] + more);
    anew();
  }

  // How far c of a unit moves with each letter, on average over those of one kind: a counter goes up and comes down alike.
  function moves(k) {
    const c = (t) => found.steps[t].c[k];
    const m = n.value;
    return { [`per_a_${k + 1}`]: (c(m) - c(0)) / m, [`per_b_${k + 1}`]: (c(2 * m) - c(m)) / m };
  }

  function anew() {
    found = numbers.readCount(network, n.value);
    at.input.max = 2 * n.value;
    at.value = found.accepted ? 2 * n.value : found.firstWrong;
    show();
  }

  function show() {
    const t = at.value;
    const { letters, follow, steps, scores, accepted, firstWrong } = found;
    const step = steps[t];
    const wrong = accepted ? "none" : firstWrong;
    verdict.set({ accepted: accepted ? "accepted" : "not accepted", first_wrong: wrong, reach: network.reach, ...Object.assign({}, ...units.map(moves)) });
    read.set({
      symbol: LETTERS[letters[t]], may: words(scores[t].map((score) => score > 0)), truth: words(follow[t]),
      ...Object.fromEntries(units.flatMap((k) => [[`c_${k + 1}`, step.c[k]], [`h_${k + 1}`, step.h[k]]])),
      ...Object.fromEntries(scores[t].map((score, k) => [`score_${k}`, score])),
    });
    const text = accepted
      ? `n = ${format(n.value)}: right about every symbol at all ${format(letters.length)} steps, so the string is accepted.`
      : `n = ${format(n.value)}: not accepted. After step ${format(firstWrong)}, ${LETTERS[letters[firstWrong]]}, it says that ` +
        `${words(scores[firstWrong].map((score) => score > 0))} may follow; right is ${words(follow[firstWrong])}.`;
    const marks = [{ x: n.value, text: "last a" }, ...(accepted ? [] : [{ x: firstWrong, text: "first wrong" }])];
    cells.update({ ys: units.map((k) => steps.map(({ c }) => c[k])), marks, finding: text });
    ends.update({ ys: [scores.map((score) => score[0])], marks, finding: text });
    finding.say(text);
  }

  place.append(
    element("div", { class: "widget-buttons" }, which.element), n.element, element("div", { class: "widget-buttons" }, ...buttons),
    finding.element, verdict.element, cells.element, ends.element, at.element, read.element,
  );
  anew();
});
