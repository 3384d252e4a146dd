// The decoder of a run in plain JavaScript: the steps that vaefit/report/lowering writes, over flat arrays.
// No DOM: it runs in a page and in Node.
"use strict";

(function () {
  function bytes(text) {
    const binary = atob(text), found = new Uint8Array(binary.length);
    for (let i = 0; i < found.length; i++) found[i] = binary.charCodeAt(i);
    return found.buffer;
  }

  // Half precision (IEEE 754 binary16) to numbers.
  function fromHalf(bits) {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }

  function halves(text) {
    const bits = new Uint16Array(bytes(text)), found = new Float32Array(bits.length);
    for (let i = 0; i < bits.length; i++) found[i] = fromHalf(bits[i]);
    return found;
  }

  function roundHalfEven(x) {
    const near = Math.round(x);
    return Math.abs(x % 1) === 0.5 && near % 2 !== 0 ? near - 1 : near;
  }

  // o: result; a, b, c: arguments; p, q, r: 0 for a single number that stands for all, else 1.
  const elementwise = {
    abs: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = Math.abs(a[i]); },
    cos: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = Math.cos(a[i]); },
    exp: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = Math.exp(a[i]); },
    expm1: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = Math.expm1(a[i]); },
    floor: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = Math.floor(a[i]); },
    is_finite: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = Number.isFinite(a[i]) ? 1 : 0; },
    log: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = Math.log(a[i]); },
    log1p: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = Math.log1p(a[i]); },
    logistic: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = 1 / (1 + Math.exp(-a[i])); },
    neg: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = -a[i]; },
    not: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = a[i] ? 0 : 1; },
    round: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = roundHalfEven(a[i]); },
    sign: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = Math.sign(a[i]); },
    sin: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = Math.sin(a[i]); },
    sqrt: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = Math.sqrt(a[i]); },
    tanh: (o, a) => { for (let i = 0; i < o.length; i++) o[i] = Math.tanh(a[i]); },
    add: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = a[i * p] + b[i * q]; },
    sub: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = a[i * p] - b[i * q]; },
    mul: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = a[i * p] * b[i * q]; },
    div: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = a[i * p] / b[i * q]; },
    pow: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = Math.pow(a[i * p], b[i * q]); },
    max: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = Math.max(a[i * p], b[i * q]); },
    min: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = Math.min(a[i * p], b[i * q]); },
    eq: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = a[i * p] === b[i * q] ? 1 : 0; },
    ne: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = a[i * p] !== b[i * q] ? 1 : 0; },
    gt: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = a[i * p] > b[i * q] ? 1 : 0; },
    ge: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = a[i * p] >= b[i * q] ? 1 : 0; },
    lt: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = a[i * p] < b[i * q] ? 1 : 0; },
    le: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = a[i * p] <= b[i * q] ? 1 : 0; },
    and: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = a[i * p] && b[i * q] ? 1 : 0; },
    or: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = a[i * p] || b[i * q] ? 1 : 0; },
    xor: (o, [a, b], [p, q]) => { for (let i = 0; i < o.length; i++) o[i] = !a[i * p] !== !b[i * q] ? 1 : 0; },
    clamp: (o, [a, b, c], [p, q, r]) => {
      for (let i = 0; i < o.length; i++) o[i] = Math.min(Math.max(a[i * p], b[i * q]), c[i * r]);
    },
    select_n: (o, [a, b, c], [p, q, r]) => {
      for (let i = 0; i < o.length; i++) o[i] = a[i * p] ? c[i * r] : b[i * q];
    },
  };

  // Over stretches of n neighbours.
  const over = {
    sum: (o, a, n) => {
      for (let i = 0; i < o.length; i++) { let s = 0; for (let j = 0; j < n; j++) s += a[i * n + j]; o[i] = s; }
    },
    largest: (o, a, n) => {
      for (let i = 0; i < o.length; i++) o[i] = a.subarray(i * n, i * n + n).reduce((s, x) => Math.max(s, x), -Infinity);
    },
    least: (o, a, n) => {
      for (let i = 0; i < o.length; i++) o[i] = a.subarray(i * n, i * n + n).reduce((s, x) => Math.min(s, x), Infinity);
    },
    argmax: (o, a, n) => {
      for (let i = 0; i < o.length; i++) {
        let best = 0;
        for (let j = 1; j < n; j++) if (a[i * n + j] > a[i * n + best]) best = j;
        o[i] = best;
      }
    },
    cumsum: (o, a, n) => { for (let i = 0; i < o.length; i++) o[i] = a[i] + (i % n ? o[i - 1] : 0); },
  };

  // Rows of `inner` numbers times a matrix (inner, columns), a row of the matrix at a time.
  function dot(o, a, w, inner) {
    const columns = w.length / inner, rows = a.length / inner;
    o.fill(0);
    for (let r = 0; r < rows; r++) {
      const out = o.subarray(r * columns, (r + 1) * columns);
      for (let k = 0; k < inner; k++) {
        const x = a[r * inner + k], first = k * columns;
        if (x !== 0) for (let m = 0; m < columns; m++) out[m] += x * w[first + m];
      }
    }
  }

  function take(o, a, runs) {
    let i = 0;
    for (const [first, step, count] of runs) for (let j = 0; j < count; j++) o[i++] = a[first + step * j];
  }

  function join(o, parts) {
    let first = 0;
    for (const part of parts) { o.set(part, first); first += part.length; }
  }

  // One step as a function without arguments: its arrays stay the same from frame to frame.
  function compiled([name, out, ins, more], values) {
    const o = values[out], a = ins.map((i) => values[i]);
    if (name === "dot") return () => dot(o, a[0], a[1], more);
    if (name === "take") return () => take(o, a[0], more);
    if (name === "join") return () => join(o, a);
    if (name === "trunc") return () => { for (let i = 0; i < o.length; i++) o[i] = Math.trunc(a[0][i]); };
    if (over[name]) return () => over[name](o, a[0], more);
    const kernel = elementwise[name];
    if (!kernel) throw new Error(`unknown operation ${name}`);
    if (a.length === 1) return () => kernel(o, a[0]);
    const strides = a.map((x) => (x.length === 1 ? 0 : 1));
    return () => kernel(o, a, strides);
  }

  function constants(program, values) {
    const half = halves(program.half), single = new Float32Array(bytes(program.single));
    for (const [number, first, isHalf, scale] of program.constants) {
      const size = program.sizes[number];
      values[number].set((isHalf ? half : single).subarray(first, first + size));
      if (scale !== 1) for (let i = 0; i < size; i++) values[number][i] *= scale;
    }
  }

  // x in network units through the broken line of knots (x, v), straight on beyond its ends.
  function through(x, xs, vs) {
    let i = 1;
    while (i < xs.length - 1 && x > xs[i]) i++;
    return vs[i - 1] + ((x - xs[i - 1]) * (vs[i] - vs[i - 1])) / (xs[i] - xs[i - 1]);
  }

  function inverse(units, mean) {
    const found = new Float32Array(mean.length), { lines, offset, scale } = units;
    for (let i = 0; i < found.length; i++) {
      found[i] = lines ? through(mean[i], lines[i][0], lines[i][1])
        : (Array.isArray(offset) ? offset[i] : offset) + mean[i] * (Array.isArray(scale) ? scale[i] : scale);
    }
    return found;
  }

  function spread(units, sd) {
    return sd.map((s, i) => s * (Array.isArray(units.spread) ? units.spread[i] : units.spread));
  }

  // payload: what vaefit.report.decoder.payload gives. decode(z) is {mean, sd, chances}, in the data's units:
  // sd is null where the likelihood has none for a single z, chances of categories where there are none.
  function VaefitDecoder(payload) {
    const program = payload.program;
    const values = program.sizes.map((size) => new Float32Array(size));
    constants(program, values);
    const steps = program.steps.map((step) => compiled(step, values));
    const { mean, sd, chances } = program.outputs;

    function decode(z) {
      values[program.input].set(z);
      for (const step of steps) step();
      return {
        mean: inverse(payload.units, values[mean]),
        sd: sd === null ? null : spread(payload.units, values[sd]),
        chances: chances === null ? null : values[chances].slice(),
      };
    }
    return { latentDim: program.sizes[program.input], decode };
  }
  VaefitDecoder.operations = Object.keys(elementwise);

  globalThis.VaefitDecoder = VaefitDecoder;
  if (typeof module !== "undefined") module.exports = VaefitDecoder;
})();
