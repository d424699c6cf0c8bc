// Three curves: a share price, what an LSTM foretold of it the day before, and the price of the day before.  Which is
// the forecast?  The numbers are those of lstmkit/experiments/goog.py; the scores are tested equal to NumPy's.
(() => {
  "use strict";
  const inNode = typeof module === "object" && module.exports;
  const { random } = inNode ? require("./numbers.js") : globalThis.numbers;

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const rmse = (a, b) => Math.sqrt(mean(a.map((value, k) => (value - b[k]) ** 2)));
  function correlation(a, b) {
    const [mean_a, mean_b] = [mean(a), mean(b)];
    const together = (u, mean_u, v, mean_v) => mean(u.map((value, k) => (value - mean_u) * (v[k] - mean_v)));
    return together(a, mean_a, b, mean_b) /
      Math.sqrt(together(a, mean_a, a, mean_a) * together(b, mean_b, b, mean_b));
  }

  // The curves of `count` days from day `start`.  data.price has one day more in front than data.forecast.
  function curves(data, start = 0, count = data.forecast.length) {
    return {
      price: data.price.slice(start + 1, start + 1 + count),
      yesterday: data.price.slice(start, start + count),
      forecast: data.forecast.slice(start, start + count),
    };
  }

  // How a curve stands to the price of the same day, and to that of the day before.
  const scores = (curve, { price, yesterday }) => ({
    error: rmse(curve, price), today: correlation(curve, price), yesterday: correlation(curve, yesterday),
  });

  // Where the window of a round begins among `days`, and which curve has which letter: the same for every reader.
  function deal(round, days, count) {
    const chance = random(round);
    const start = Math.floor(chance() * (days - count + 1));
    const names = ["price", "forecast", "yesterday"];
    for (let k = names.length - 1; k > 0; k--) {
      const other = Math.floor(chance() * (k + 1));
      [names[k], names[other]] = [names[other], names[k]];
    }
    return { start, names };
  }

  if (inNode) {
    module.exports = { mean, rmse, correlation, curves, scores, deal };
    return;
  }

  const DAYS = 30; // of a window
  const LETTERS = ["A", "B", "C"];
  const MEANING = { price: "the price", forecast: "the LSTM’s forecast", yesterday: "the price of the day before" };

  plot.mount("which_curve", "Which curve is the forecast?", (place, data) => {
    const { element } = plot;
    const meanings = Object.entries(MEANING).map(([value, label]) => ({ value, label }));
    const options = [{ value: "", label: "choose" }, ...meanings];
    let round = 1;
    let [guessed, asked] = [0, 0];
    const curve = plot.lines({
      title: `${DAYS} trading days of Google, three curves`, height: 260,
      x: "trading day of this window", y: "US dollars",
      series: LETTERS.map((letter, k) => ({ name: letter, letter: ["f", "i", "h"][k] })),
    });
    const choice = (letter) => plot.choice({ label: `${letter} is`, options, value: "", onchange: () => {} });
    const guesses = LETTERS.map(choice);
    const reveal = plot.button({ label: "reveal", onclick: answer });
    const another = plot.button({
      label: "another window",
      onclick: () => {
        round++;
        ask();
      },
    });
    const values = plot.table({ caption: "The three curves in numbers", columns: ["day", ...LETTERS] });
    const answers = element("div", { tabindex: "-1", role: "group", "aria-label": "what the curves are" });
    const finding = plot.live();

    function number(name, value) {
      const attributes = { "aria-live": "off", "data-name": name, "data-value": value };
      return element("td", {}, element("output", attributes, plot.format(value)));
    }

    // One row for each curve, of `rows` [what it is, its name]; and its scores among `all` the curves.
    function table(caption, word, rows, all) {
      const cell = (scope, text) => {
        const style = `white-space: normal; text-align: ${scope === "row" ? "left" : "right"}`;
        return element("th", { scope, style }, text);
      };
      const heads = ["curve", "RMSE, dollars", "correlation with the price", "with the price before"];
      const body = rows.map(([title, name]) => {
        const { error, today, yesterday } = scores(all[name], all);
        const found = Object.entries({ error, today, yesterday });
        const cells = found.map(([kind, value]) => number(`${word}_${name}_${kind}`, value));
        return element("tr", {}, cell("row", title), ...cells);
      });
      const head = element("thead", {}, element("tr", {}, ...heads.map((text) => cell("col", text))));
      const made = element("table", { style: "width: auto" }, head, element("tbody", {}, ...body));
      const region = { class: "widget-table", tabindex: "0", role: "region", "aria-label": caption };
      return [
        element("p", { style: "font-weight: 600; margin: .6rem 0 .2rem" }, caption),
        element("div", { ...region, style: "max-height: none" }, made),
      ];
    }

    function ask() {
      const { start, names } = deal(round, data.forecast.length, DAYS);
      const shown = curves(data, start, DAYS);
      const text = `Window ${round}, from ${data.dates[start]}. Say what each curve is, then reveal.`;
      for (const guess of guesses) guess.value = "";
      for (const { select } of guesses) select.disabled = false;
      reveal.disabled = false;
      answers.replaceChildren();
      const dollars = (day) => names.map((name) => shown[name][day].toFixed(2));
      values.update(() => shown.price.map((_, day) => [day, ...dollars(day)]));
      curve.update({ ys: names.map((name) => shown[name]), finding: "Three unnamed curves, each close to the next." });
      finding.say(text);
    }

    function answer() {
      const { start, names } = deal(round, data.forecast.length, DAYS);
      const [shown, all] = [curves(data, start, DAYS), curves(data)];
      const right = names.filter((name, k) => guesses[k].value === name).length;
      const tried = guesses.some(({ value }) => value);
      if (tried) [guessed, asked] = [guessed + right, asked + names.length];
      const rows = names.map((name, k) => {
        const guess = guesses[k].value;
        const verdict = guess === name ? "your guess was right" : guess ? "your guess was wrong" : "no guess";
        return [`${LETTERS[k]}: ${MEANING[name]} (${verdict})`, name];
      });
      const every = Object.entries(MEANING).map(([name, title]) => [title, name]);
      answers.replaceChildren(
        ...table(`These ${DAYS} days`, "window", rows, shown),
        ...table(`All ${data.forecast.length} days held back`, "all", every, all),
      );
      for (const { select } of guesses) select.disabled = true;
      reveal.disabled = true;
      answers.focus({ preventScroll: true });
      const own = scores(shown.forecast, shown);
      const [late, due] = ["the price of the day before", "the price it was to foretell"];
      const [nearer, farther] = own.yesterday > own.today ? [late, due] : [due, late];
      const errors = [all.forecast, all.yesterday].map((curve) => plot.format(rmse(curve, all.price)));
      const tally = tried ? `You named ${right} of 3 right, ${guessed} of ${asked} so far. ` : "";
      finding.say(
        `${tally}The forecast is ${LETTERS[names.indexOf("forecast")]}. In this window it goes more closely with ` +
        `${nearer} than with ${farther}. Over all ${data.forecast.length} days its error is ${errors[0]} dollars; ` +
        `saying that the price stays as it was errs by ${errors[1]}.`,
      );
    }

    const chosen = element("div", { class: "widget-buttons" }, ...guesses.map((guess) => guess.element));
    const buttons = element("div", { class: "widget-buttons" }, reveal, another);
    place.append(curve.element, chosen, buttons, finding.element, answers, values.element);
    ask();
  });
})();
