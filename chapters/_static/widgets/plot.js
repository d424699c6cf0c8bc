// What the widgets are drawn and moved with: a line plot in SVG, labelled controls, and one quiet voice.  No dependency.
//
//   plot.mount(name, title, (place, data) => {...})  build a widget in each of its places in the page
//   plot.lines({title, x, y, series, ...})           a plot; .update({ys, xs, marks, finding}) draws it
//   plot.slider({label, min, max, step, value, unit, oninput})   plot.button   plot.choice
//   plot.readouts([{name, label}])   plot.table({caption, columns})   plot.live()
//
// Every control is a native element, so that a keyboard moves it and a screen reader names it.  Every number shown
// stands in an <output data-name> with all its digits in data-value.
(() => {
  "use strict";
  // The line styles of lstmkit.plotting.LINES, in pixels of a 2 pixel line; colours are the page's --sym-i to --sym-h.
  const DASHES = { i: "10 3", f: "", g: "2 2.4", o: "10 3 2 3", c: "", h: "5 2.4" };
  const SVG = "http://www.w3.org/2000/svg";
  let ids = 0;

  // element("p", {class: "x"}, "words", child)
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  function svg(tag, attributes = {}, text = "") {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = text;
    return made;
  }

  // "b_f, forget gate" with its f lowered: the nodes for a label, in HTML or (as tspans) in SVG.
  function typeset(text, inPicture = false) {
    return text.split(/_(\w)/).map((part, k) => {
      if (k % 2) return inPicture ? svg("tspan", { dy: 4, "font-size": 10 }, part) : element("sub", {}, part);
      return inPicture ? svg("tspan", k ? { dy: -4 } : {}, part) : part;
    });
  }

  // Three digits for a person: 0.123, −4, 22,000, 1.5 × 10⁻⁷; a whole number keeps them all.
  function format(value, digits = 3) {
    if (Number.isNaN(value)) return "undefined";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    const rounded = Number.isInteger(value) ? value : Number(value.toPrecision(digits));
    const size = Math.abs(rounded);
    if (size !== 0 && (size < 1e-4 || size >= 1e7)) {
      const [front, power] = rounded.toExponential().split("e");
      const raised = [...String(Number(power))].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign])).join("");
      return `${front}\u00a0×\u00a010${raised}`.replace("-", "−");
    }
    return rounded.toLocaleString("en", { maximumFractionDigits: 7 }).replace("-", "−");
  }

  // Building

  // Calls build(place, data) for every <div class="widget" data-widget="NAME">, with the JSON that stands in it, or null.
  // What was shown without scripts gives way only when the widget stands.
  function mount(name, title, build) {
    const start = () => {
      for (const widget of document.querySelectorAll(`.widget[data-widget="${name}"]`)) {
        const json = widget.querySelector('script[type="application/json"]');
        const place = element("div", { class: "widget-live", role: "group", "aria-label": title });
        place.append(element("p", { class: "widget-title" }, title));
        build(place, json ? JSON.parse(json.textContent) : null);
        widget.append(place);
        const fallback = widget.querySelector(".widget-fallback");
        if (fallback) fallback.hidden = true;
      }
    };
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
    else start();
  }

  // Controls

  // A number from min to max.  `.value` reads it; setting it moves the thumb and tells nobody.  A value set from outside
  // is kept with all its digits, though the thumb stands on the nearest step.  `map` {value, position} bends the scale.
  function slider({ label, name = label, min, max, step, value, unit = "", oninput = () => {}, map }) {
    const { value: toValue, position } = map || { value: (p) => p, position: (v) => v };
    const id = `widget-slider-${++ids}`;
    const input = element("input", { type: "range", id, min, max, step });
    const output = element("output", { for: id, "aria-live": "off", "data-name": name });
    let now;
    const show = (v) => {
      now = v;
      const words = unit ? `${format(v)} ${unit}` : format(v);
      output.textContent = words;
      output.dataset.value = v;
      input.setAttribute("aria-valuetext", words);
    };
    const set = (v) => {
      input.value = position(v);
      show(v);
    };
    set(value);
    input.addEventListener("input", () => {
      show(toValue(input.valueAsNumber));
      oninput(now);
    });
    const whole = element("div", { class: "widget-slider" }, element("label", { for: id }, ...typeset(label)), input, output);
    return {
      element: whole, input,
      get value() { return now; },
      set value(v) { set(v); },
    };
  }

  function button({ label, onclick }) {
    const made = element("button", { type: "button" }, label);
    made.addEventListener("click", onclick);
    return made;
  }

  // One of several, a native <select>: options is [{value, label}].
  function choice({ label, options, value, onchange }) {
    const id = `widget-choice-${++ids}`;
    const select = element("select", { id });
    for (const option of options) select.append(new Option(option.label, option.value));
    select.value = value;
    select.addEventListener("change", () => onchange(select.value));
    return {
      element: element("span", { class: "widget-choice" }, element("label", { for: id }, ...typeset(label)), " ", select), select,
      get value() { return select.value; },
      set value(v) { select.value = v; },
    };
  }

  // Named numbers, [{name, label, digits}]: .set({name: value}).
  function readouts(entries) {
    const whole = element("dl", { class: "widget-readouts" });
    const outputs = {};
    const digitsOf = {};
    for (const { name, label, digits } of entries) {
      digitsOf[name] = digits;
      outputs[name] = element("output", { "aria-live": "off", "data-name": name });
      whole.append(element("div", {}, element("dt", {}, ...typeset(label)), element("dd", {}, outputs[name])));
    }
    const set = (values) => {
      for (const [name, value] of Object.entries(values)) {
        outputs[name].textContent = typeof value === "number" ? format(value, digitsOf[name]) : value;
        outputs[name].dataset.value = value;
      }
    };
    return { element: whole, set };
  }

  // All the numbers behind a plot, for whoever cannot see it or wants to compute with them.  Closed at first, and filled
  // when it is opened: .update(() => rows).
  function table({ caption, columns }) {
    const body = element("tbody");
    const head = element("tr", {}, ...columns.map((name) => element("th", { scope: "col" }, ...typeset(name))));
    const whole = element("table", {}, element("caption", {}, caption), element("thead", {}, head), body);
    const scrolling = element("div", { class: "widget-table", tabindex: "0", role: "region", "aria-label": caption }, whole);
    const details = element("details", {}, element("summary", {}, caption), scrolling);
    const cell = (v) => element("td", { "data-value": v }, typeof v === "number" ? format(v) : v);
    let rows = () => [];
    const fill = () => body.replaceChildren(...rows().map((row) => element("tr", {}, ...row.map(cell))));
    details.addEventListener("toggle", () => details.open && fill());
    const update = (make) => {
      rows = make;
      if (details.open) fill();
    };
    return { element: details, update };
  }

  // The finding in words: seen at once, and spoken when the hand has rested.  What stands there at first is not spoken.
  function live() {
    const seen = element("p", { class: "widget-finding" });
    const spoken = element("p", { class: "widget-spoken", role: "status", "aria-live": "polite" });
    let timer;
    const say = (text) => {
      const first = !seen.textContent;
      seen.textContent = text;
      clearTimeout(timer);
      if (!first) timer = setTimeout(() => (spoken.textContent = text), 700);
    };
    return { element: element("div", {}, seen, spoken), say };
  }

  // Drawing

  // A handful of round numbers from low to high; on a logarithmic axis powers of ten.
  function ticks(low, high, log, wanted = 4) {
    if (log) {
      const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
      const every = Math.max(1, Math.ceil((last - first) / wanted));
      return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, k) => 10 ** (first + k * every));
    }
    const rough = (high - low) / wanted;
    const power = 10 ** Math.floor(Math.log10(rough));
    const size = [1, 2, 5, 10].find((s) => s * power >= rough * 0.999) * power;
    const first = Math.ceil(low / size - 1e-9);
    const count = Math.floor(high / size + 1e-9) - first + 1;
    return Array.from({ length: count }, (_, k) => Number(((first + k) * size).toPrecision(12)));
  }

  // A tick in words, with as many decimals as tell it from the next.
  function tickWords(v, size) {
    const decimals = Math.max(0, -Math.floor(Math.log10(size) + 1e-9));
    if (decimals > 4) return format(v);
    return v.toLocaleString("en", { minimumFractionDigits: 0, maximumFractionDigits: decimals }).replace("-", "−");
  }

  function lineStyle({ letter, dash }) {
    const colour = letter ? `var(--sym-${letter}, currentColor)` : "currentColor";
    return { fill: "none", "stroke-width": 2, style: `stroke: ${colour}`, "stroke-dasharray": dash ?? DASHES[letter] ?? "" };
  }

  // A plot of lines.  `series` is [{name, letter}] (letter i f g o c h: its colour and dashes; `dash` for a style of one's
  // own, `points: true` for dots).  x and y label the axes, units in them.  yRange [low, high] holds the axis; without it
  // the axis follows the numbers, and shows at least yCover [low, high].  xLog and yLog make an axis logarithmic: what is not above 0 is then left out.
  // update({ys, xs, marks, finding}): one array for each series; xs the places (0, 1, 2, ... unless told); marks
  // [{x, text}] are upright lines; the finding, in words, is what a screen reader says of the picture.
  function lines({ title, x, y, series, height = 190, yRange, yCover = [], xLog = false, yLog = false }) {
    const picture = svg("svg", { role: "img", "aria-label": title, height, width: "100%" });
    const legend = element("ul", { class: "plot-legend", "aria-hidden": "true" });
    for (const line of series) {
      const sample = svg("svg", { width: 34, height: 10 });
      sample.append(svg("line", { x1: 1, x2: 33, y1: 5, y2: 5, ...lineStyle(line) }));
      legend.append(element("li", {}, sample, line.name));
    }
    const caption = element("p", { class: "plot-title", "aria-hidden": "true" }, ...typeset(title));
    const whole = element("div", { class: "plot" }, caption, ...(series.length > 1 ? [legend] : []), picture);
    let last = null;

    function range(values, log) {
      const usable = values.filter((v) => Number.isFinite(v) && (!log || v > 0));
      let [low, high] = usable.length ? [Math.min(...usable), Math.max(...usable)] : [log ? 0.1 : 0, 1];
      if (low === high) return log ? [low / 10, high * 10] : [low - 0.5, high + 0.5];
      return [low, high];
    }

    function draw() {
      if (!last) return;
      const { ys, marks = [] } = last;
      const xs = last.xs || ys[0].map((_, k) => k);
      const width = picture.clientWidth || 640;
      const [left, right, top, bottom] = [58, 24, 20, height - 42];
      const place = (log, [low, high], from, to) => {
        const bent = log ? Math.log10 : (v) => v;
        return (v) => from + ((bent(v) - bent(low)) / (bent(high) - bent(low))) * (to - from);
      };
      const [xSpan, [low, high]] = [range(xs, xLog), yRange || range([...ys.flat(), ...yCover], yLog)];
      const air = yRange || yLog ? 0 : 0.04 * (high - low);
      const ySpan = [low - air, high + air];
      const [px, py] = [place(xLog, xSpan, left, width - right), place(yLog, ySpan, bottom, top)];
      const kept = (v) => Math.min(bottom + 1, Math.max(top - 1, v)); // a line that leaves the axis runs along its edge
      const parts = [];
      const [yTicks, xTicks] = [ticks(...ySpan, yLog), ticks(...xSpan, xLog, width < 450 ? 4 : 6)];
      const word = (v, all, log) => (log || all.length < 2 ? format(v) : tickWords(v, all[1] - all[0]));
      for (const v of yTicks) {
        parts.push(svg("line", { class: "plot-grid", x1: left, x2: width - right, y1: py(v), y2: py(v) }));
        parts.push(svg("text", { x: left - 6, y: py(v) + 4, "text-anchor": "end" }, word(v, yTicks, yLog)));
      }
      for (const v of xTicks) {
        parts.push(svg("line", { class: "plot-axis", x1: px(v), x2: px(v), y1: bottom, y2: bottom + 4 }));
        parts.push(svg("text", { x: px(v), y: bottom + 18, "text-anchor": "middle" }, word(v, xTicks, xLog)));
      }
      parts.push(svg("path", { class: "plot-axis", d: `M${left} ${top}V${bottom}H${width - right}`, fill: "none" }));
      parts.push(svg("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, x));
      const middle = (top + bottom) / 2;
      const turned = `rotate(-90 14 ${middle})`;
      const label = svg("text", { x: 14, y: middle, "text-anchor": "middle", transform: turned });
      label.append(...typeset(y, true));
      parts.push(label);
      for (const { x: at, text = "" } of marks) {
        parts.push(svg("line", { class: "plot-mark", x1: px(at), x2: px(at), y1: top, y2: bottom }));
        const gap = (other) => (other.text && other.x !== at ? px(other.x) - px(at) : Infinity);
        const after = marks.some((other) => gap(other) < 0 && gap(other) > -70); // words side by side give way
        const before = marks.some((other) => gap(other) > 0 && gap(other) < 70) || px(at) > width - 60;
        const anchor = before ? "end" : after || px(at) < left + 40 ? "start" : "middle";
        parts.push(svg("text", { x: px(at), y: top - 6, "text-anchor": anchor }, text));
      }
      series.forEach((line, n) => {
        const usable = (k) => Number.isFinite(ys[n][k]) && (!yLog || ys[n][k] > 0) && (!xLog || xs[k] > 0);
        let d = "";
        for (let k = 0; k < ys[n].length; k++) {
          if (!usable(k)) continue;
          const at = [px(xs[k]), kept(py(ys[n][k]))];
          d += `${k > 0 && usable(k - 1) ? "L" : "M"}${at[0].toFixed(2)} ${at[1].toFixed(2)}`;
          if (line.points) parts.push(svg("circle", { cx: at[0], cy: at[1], r: 3, fill: "currentColor" }));
        }
        if (!line.points) parts.push(svg("path", { d, ...lineStyle(line) }));
      });
      picture.replaceChildren(...parts);
    }

    function update(data) {
      last = data;
      picture.setAttribute("aria-label", data.finding ? `${title}. ${data.finding}` : title);
      draw();
    }
    let drawn = 0; // the picture follows the width of its place: letters keep their size on a phone
    new ResizeObserver(() => {
      if (picture.clientWidth !== drawn) draw();
      drawn = picture.clientWidth;
    }).observe(picture);
    return { element: whole, svg: picture, update };
  }

  globalThis.plot = { mount, lines, slider, button, choice, readouts, table, live, format, element, ticks, DASHES };
})();
