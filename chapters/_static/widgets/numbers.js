// The LSTM of this book in plain numbers: no page, no drawing.  The twin of lstmkit/numpy/lstm.py, tested equal to it.
//
//   i = σ(a_i)   f = σ(a_f)   g = tanh(a_g)   o = σ(a_o)      a = W_x x + W_h h_prev + b, cut into four blocks
//   c = f c_prev + i g        h = o tanh(c)
//
// weights = {W_x, W_h, b}: 4H rows of D, 4H rows of H, 4H numbers; the blocks stand in the order i, f, g, o.
// state = {h, c}, H numbers each.  A sequence is an array of T inputs, each of D numbers.
(() => {
  "use strict";
  const LN2 = Math.log(2);

  // The logistic function; neither branch can overflow.
  function sigmoid(a) {
    if (a >= 0) return 1 / (1 + Math.exp(-a));
    const e = Math.exp(a);
    return e / (1 + e);
  }

  function dot(u, v) {
    let sum = 0;
    for (let k = 0; k < u.length; k++) sum += u[k] * v[k];
    return sum;
  }

  const zeros = (n) => new Array(n).fill(0);
  const zeroState = (weights) => ({ h: zeros(weights.b.length / 4), c: zeros(weights.b.length / 4) });

  // One time step: gates, candidate, cell state and hidden state, each of H numbers.
  function step(weights, x, state) {
    const H = state.c.length;
    const a = weights.b.map((b, row) => dot(weights.W_x[row], x) + dot(weights.W_h[row], state.h) + b);
    const i = a.slice(0, H).map(sigmoid);
    const f = a.slice(H, 2 * H).map(sigmoid);
    const g = a.slice(2 * H, 3 * H).map(Math.tanh);
    const o = a.slice(3 * H, 4 * H).map(sigmoid);
    const c = f.map((_, k) => f[k] * state.c[k] + i[k] * g[k]);
    const h = c.map((_, k) => o[k] * Math.tanh(c[k]));
    return { i, f, g, o, c, h };
  }

  // Every step of a sequence, from zeros or from `state`: an array of T of what `step` returns.
  function forward(weights, xs, state = zeroState(weights)) {
    return xs.map((x) => (state = step(weights, x, state)));
  }

  // What a linear layer says of h: one number for each row of W.
  const readout = (layer, h) => layer.b.map((b, row) => dot(layer.W[row], h) + b);

  // ∂c_T/∂c_t along the cell path alone: the product of the forget gates of the steps t+1 to T, unit by unit.
  // T+1 entries of H numbers, from t = 0 to t = T; what c_t does through h_t is left out.
  function pathGradient(steps) {
    const T = steps.length;
    const found = [steps[T - 1].f.map(() => 1)];
    for (let t = T - 1; t >= 0; t--) found.unshift(found[0].map((d, k) => d * steps[t].f[k]));
    return found;
  }

  // The whole derivative of one unit's c_T by every unit's c_t, by backpropagation through time: along the cell, and
  // through h_t into the gates of later steps.  T+1 entries of H numbers; entry t holds ∂c_T[unit]/∂c_t[k].
  // c_t moves h_t with it, o_t being what it was.  h_0 is given, so that entry 0 leaves it where it is.
  function totalGradient(weights, steps, unit = 0, first = zeroState(weights)) {
    const H = first.c.length;
    let d_h = zeros(H);
    let d_c = zeros(H).map((_, k) => (k === unit ? 1 : 0));
    const found = [];
    for (let t = steps.length - 1; t >= 0; t--) {
      const { i, f, g, o, c } = steps[t];
      const c_prev = t > 0 ? steps[t - 1].c : first.c;
      const q = c.map(Math.tanh);
      d_c = d_c.map((d, k) => d + d_h[k] * o[k] * (1 - q[k] * q[k]));
      found.unshift(d_c);
      const d_a = [
        ...i.map((_, k) => d_c[k] * g[k] * i[k] * (1 - i[k])),
        ...f.map((_, k) => d_c[k] * c_prev[k] * f[k] * (1 - f[k])),
        ...g.map((_, k) => d_c[k] * i[k] * (1 - g[k] * g[k])),
        ...o.map((_, k) => d_h[k] * q[k] * o[k] * (1 - o[k])),
      ];
      d_h = zeros(H).map((_, k) => dot(weights.W_h.map((row) => row[k]), d_a));
      d_c = d_c.map((d, k) => d * f[k]);
    }
    found.unshift(d_c);
    return found;
  }

  // After how many steps half is left where f = σ(b) at every step; and the b that gives so many steps.
  const halfLife = (b) => LN2 / Math.log1p(Math.exp(-b)); // -ln σ(b) = ln(1 + e^-b)
  const biasOfHalfLife = (steps) => -Math.log(Math.expm1(LN2 / steps));
  const retention = (b, steps) => Math.exp(-steps * Math.log1p(Math.exp(-b))); // σ(b)^steps

  // a^n b^n as lstmkit/tasks/counting.py writes it: the mark, n times a, n times b, each one-hot (mark, a, b); and which
  // symbols may follow each.
  const SYMBOLS = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
  function countingString(n) {
    const letters = [0, ...new Array(n).fill(1), ...new Array(n).fill(2)];
    const follow = letters.map((letter, t) => {
      if (t === 0) return [false, true, false];
      if (letter === 1) return [false, true, true];
      return t < 2 * n ? [false, false, true] : [true, false, false];
    });
    return { letters, xs: letters.map((letter) => SYMBOLS[letter]), follow };
  }

  // A network {cell, readout} reads a^n b^n.  A symbol may follow, it says, where its score is above 0.
  function readCount(network, n) {
    const { letters, xs, follow } = countingString(n);
    const steps = forward(network.cell, xs);
    const scores = steps.map(({ h }) => readout(network.readout, h));
    const right = scores.map((row, t) => row.every((score, k) => score > 0 === follow[t][k]));
    return { letters, follow, steps, scores, right, accepted: right.every(Boolean), firstWrong: right.indexOf(false) };
  }

  // The largest n up to `limit` such that every string up to n is accepted.
  function countingReach(network, limit) {
    for (let n = 1; n <= limit; n++) if (!readCount(network, n).accepted) return n - 1;
    return limit;
  }

  // Numbers from 0 to 1 that look random and are the same for the same seed (mulberry32).
  function random(seed) {
    let a = seed >>> 0;
    return () => {
      a = (a + 0x6d2b79f5) >>> 0;
      let t = Math.imul(a ^ (a >>> 15), a | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  const numbers = {
    sigmoid, dot, zeroState, step, forward, readout, pathGradient, totalGradient, halfLife, biasOfHalfLife, retention,
    countingString, readCount, countingReach, random,
  };
  if (typeof module === "object" && module.exports) module.exports = numbers;
  else globalThis.numbers = numbers;
})();
