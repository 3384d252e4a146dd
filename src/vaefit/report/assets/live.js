// The live decoder: a slider for each latent, and what the decoder makes of them.
//
// VaefitLive.mount(root, view, backend) fills an element. `view` is what vaefit/report/view.py says of a run;
// `backend` is {latentDim, decode(z): Promise<{mean, sd, chances}>}, in the data's units: this page's own
// decoder, or a server with the model itself. The controller it gives back has
//   show(z, what)   sets all sliders; resolves when the picture is there
//   z()             the latents shown
//   shown()         {z, mean, sd, chances} as last decoded
//   onChange(f)     f(z, what) whenever the latents change
//   onDrawn(f)      f({mean, sd, chances}) whenever something was decoded
"use strict";

window.VaefitLive = (() => {
  const FIRST = 12; // sliders in sight; the rest is folded away
  const LEGEND = 64;

  function make(name, attributes = {}, ...children) {
    const found = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "text") found.textContent = value;
      else if (key.startsWith("on")) found.addEventListener(key.slice(2), value);
      else if (value !== null && value !== false) found.setAttribute(key, value === true ? "" : value);
    }
    found.append(...children);
    return found;
  }

  const fixed = (x, digits = 2) => x.toFixed(digits).replace("-", "−");

  // ---- pictures -----------------------------------------------------------------------------------------

  function legend(low, high, unit) {
    const bar = make("canvas", { width: LEGEND, height: 1, class: "live-scale", "aria-hidden": "true" });
    const pixels = new ImageData(LEGEND, 1);
    for (let i = 0; i < LEGEND; i++) {
      const grey = Math.round((255 * i) / (LEGEND - 1));
      pixels.data.set([grey, grey, grey, 255], 4 * i);
    }
    bar.getContext("2d").putImageData(pixels, 0, 0);
    return make("span", { class: "live-legend" }, make("span", { text: low }), bar, make("span", { text: `${high} ${unit}` }));
  }

  const short = (x) => (Number.isInteger(x) ? String(x) : Number(x.toPrecision(3)).toString()).replace("-", "−");

  function picture(title, label, [height, width], { low, high, unit }) {
    const canvas = make("canvas", { width, height, class: "live-canvas", role: "img", "aria-label": label });
    canvas.style.aspectRatio = `${width} / ${height}`;
    const context = canvas.getContext("2d");
    const pixels = new ImageData(width, height);
    const figure = make("figure", { class: "live-figure" }, canvas,
      make("figcaption", {}, make("b", { text: title }), legend(short(low), short(high), unit)));
    // values: (height, width) or (height, width, channels), height by height.
    function draw(values) {
      const channels = values.length / (width * height), scale = 255 / (high - low || 1);
      for (let i = 0; i < width * height; i++) {
        for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = Math.round((values[i * channels + (c % channels)] - low) * scale);
        pixels.data[4 * i + 3] = 255;
      }
      context.putImageData(pixels, 0, 0);
    }
    return { figure, draw };
  }

  function imageRow(row, sdTitle = "Predictive sd") {
    const [height, width, channels = 1] = row.shape;
    const mean = picture("Mean", "Mean of p(x|z) at the sliders", [height, width], row);
    const figures = [mean.figure];
    const top = row.sd_top;
    const sd = top === null ? null
      : picture(sdTitle, "Predictive standard deviation of p(x|z) at the sliders", [height, width], { low: 0, high: top || 1, unit: row.unit });
    if (sd) figures.push(sd.figure);
    else figures.push(make("p", { class: "note", text: "This likelihood has no predictive sd for a single latent vector." }));
    function draw(found) {
      mean.draw(found.mean);
      if (sd && found.sd) sd.draw(overChannels(found.sd, channels));
    }
    return { element: make("div", { class: "live-figures" }, ...figures), draw };
  }

  // One sd a pixel: the root mean square over its channels.
  function overChannels(sd, channels) {
    if (channels === 1) return sd;
    const found = new Float32Array(sd.length / channels);
    for (let i = 0; i < found.length; i++) {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += sd[i * channels + c] ** 2;
      found[i] = Math.sqrt(sum / channels);
    }
    return found;
  }

  // ---- rows of a table ----------------------------------------------------------------------------------

  function numberCell(column) {
    const value = make("td", { class: "number" }), sd = make("td", { class: "number live-sd" });
    const band = make("i", { class: "live-band" }), dot = make("i", { class: "live-dot" });
    const range = column.high - column.low || 1;
    const place = (x) => Math.min(100, Math.max(0, (100 * (x - column.low)) / range));
    const track = make("div", { class: "live-track", "aria-hidden": "true" }, band, dot);
    function draw(mean, spread) {
      value.textContent = VaefitCells.write(mean, column);
      dot.style.left = `${place(mean)}%`;
      if (spread === null) return;
      sd.textContent = `± ${VaefitCells.writeSpread(spread, column)}`;
      band.style.left = `${place(mean - spread)}%`;
      band.style.width = `${place(mean + spread) - place(mean - spread)}%`;
    }
    return { cells: [value, sd, make("td", {}, track)], draw };
  }

  function levelCell(column) {
    const value = make("td"), share = make("td", { class: "number live-sd" });
    const parts = column.levels.map((_, i) => make("i", { class: `live-part part-${i % 6}` }));
    const bar = make("div", { class: "live-chances", "aria-hidden": "true" }, ...parts);
    function draw(chances) {
      const best = likeliest(chances);
      chances.forEach((p, i) => {
        parts[i].style.width = `${100 * p}%`;
        parts[i].title = `${column.levels[i]}: ${(100 * p).toFixed(1)} %`;
      });
      value.textContent = column.levels[best];
      share.textContent = `${(100 * chances[best]).toFixed(0)} %`;
    }
    return { cells: [value, share, make("td", {}, bar)], draw };
  }

  function tableRow(row) {
    const body = make("tbody"), drawn = [];
    let first = 0; // of a column's chances among all
    row.columns.forEach((column, i) => {
      const cell = column.levels ? levelCell(column) : numberCell(column);
      body.append(make("tr", {}, make("th", { scope: "row", text: column.name }), ...cell.cells));
      const from = first;
      if (column.levels) first += column.levels.length;
      drawn.push(column.levels
        ? (found) => cell.draw(found.chances.subarray ? found.chances.subarray(from, from + column.levels.length) : found.chances.slice(from, from + column.levels.length))
        : (found) => cell.draw(found.mean[i], found.sd === null ? null : found.sd[i]));
    });
    const heads = ["column", "value", "sd, or chance", ""].map((text, i) => make("th", { scope: "col", text, class: i === 1 || i === 2 ? "number" : null }));
    const table = make("table", { class: "live-row" }, make("thead", {}, make("tr", {}, ...heads)), body);
    const note = "A bar shows the mean and one predictive sd either way within the column's range, or the chance of each category.";
    const element = make("div", {}, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Decoded row" }, table), make("p", { class: "note", text: note }));
    return { element, draw: (found) => drawn.forEach((draw) => draw(found)) };
  }

  // ---- sliders ------------------------------------------------------------------------------------------

  // The part of a slider's track that is coloured, in percent.
  function filled(input, from, to) {
    input.style.setProperty("--from", `${from}%`);
    input.style.setProperty("--to", `${to}%`);
  }

  function slider(latent, centre, onInput) {
    const id = `latent-${latent.index}`;
    const input = make("input", { type: "range", id, min: -latent.reach, max: latent.reach, step: 0.01, value: centre });
    const output = make("output", { for: id });
    const kl = latent.kl === null ? "" : `${fixed(latent.kl, latent.kl < 0.1 ? 3 : 2)} nats`;
    const label = make("label", { for: id }, `z${latent.index}`);
    if (kl) label.append(" ", make("small", { text: kl, title: "KL(q(z|x) || p(z)) of this latent: how much it says of a row" }));
    function set(value) {
      input.value = value;
      const at = 50 + (50 * Math.max(-latent.reach, Math.min(latent.reach, value))) / latent.reach;
      filled(input, Math.min(50, at), Math.max(50, at));
      output.textContent = fixed(value);
      input.setAttribute("aria-valuetext", `${fixed(value)} prior sds${kl ? `, KL ${kl}` : ""}`);
    }
    input.addEventListener("input", () => { set(Number(input.value)); onInput(latent.index, Number(input.value)); });
    input.addEventListener("dblclick", () => { set(centre); onInput(latent.index, centre); });
    return { index: latent.index, element: make("div", { class: "live-latent" }, label, input, output), set };
  }

  function folded(summary, sliders, open = false) {
    if (!sliders.length) return [];
    const box = make("div", { class: "live-sliders" }, ...sliders.map((s) => s.element));
    return [make("details", { open }, make("summary", { text: summary }), box)];
  }

  function sliderLists(latents, sliders) {
    const active = sliders.filter((_, i) => latents[i].active), dead = sliders.filter((_, i) => !latents[i].active);
    const first = active.length > FIRST + 4 ? active.slice(0, FIRST) : active, more = active.slice(first.length);
    return [
      make("div", { class: "live-sliders" }, ...first.map((s) => s.element)),
      ...folded(`${more.length} more latents that say less`, more),
      ...folded(`${dead.length} latent${dead.length === 1 ? " that is" : "s that are"} not used`, dead),
    ];
  }

  // ---- draws --------------------------------------------------------------------------------------------

  function gauss() {
    return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  }

  // A draw of the prior, its distance from the prior's mean multiplied by the temperature.
  function draw(prior, temperature) {
    if (prior.draws) {
      const one = prior.draws[Math.floor(Math.random() * prior.draws.length)];
      return one.map((x, k) => prior.mean[k] + temperature * (x - prior.mean[k]));
    }
    return prior.mean.map((m, k) => m + temperature * prior.sd[k] * gauss());
  }

  function toolbar(actions) {
    const temperature = make("input", { type: "range", id: "live-temperature", min: 0, max: 2, step: 0.05, value: 1, list: "live-temperatures" });
    const output = make("output", { for: "live-temperature" });
    const say = () => {
      const t = Number(temperature.value), word = t < 0.8 ? "typical" : t > 1.2 ? "wild" : "prior";
      output.textContent = `${t.toFixed(2)} ${word}`;
      temperature.setAttribute("aria-valuetext", `${t.toFixed(2)}, ${word}`);
      filled(temperature, 0, 50 * t);
    };
    temperature.addEventListener("input", () => { say(); actions.heat(Number(temperature.value)); });
    say();
    return make("div", { class: "live-tools" },
      make("button", { type: "button", text: "Draw from the prior", onclick: () => actions.draw(Number(temperature.value)) }),
      make("button", { type: "button", text: "Reset", title: "All latents to the prior's mean", onclick: actions.reset }),
      make("span", { class: "live-heat" }, make("label", { for: "live-temperature", text: "Temperature" }), temperature, output));
  }

  // ---- all together -------------------------------------------------------------------------------------

  function mount(root, view, backend) {
    const centre = view.prior.mean.slice();
    let z = centre.slice(), last = null, busy = null, wanted = false, drawn = null;
    const told = [], drawing = [];
    const row = view.row.kind === "image" ? imageRow(view.row) : tableRow(view.row);
    const status = make("p", { class: "note live-status", role: "status" });
    const sliders = view.latents.map((latent) => slider(latent, centre[latent.index], moved));

    // One frame at a time; while one is computed only the newest wish is kept.
    function update() {
      wanted = true;
      busy ??= frames().finally(() => { busy = null; });
      return busy;
    }

    async function frames() {
      while (wanted) {
        wanted = false;
        const asked = z.slice(), begun = performance.now();
        try {
          const found = await backend.decode(asked);
          row.draw(found);
          last = { z: asked, ...found };
          for (const draw of drawing) draw(found);
          status.textContent = `decoded in ${(performance.now() - begun).toFixed(1)} ms`;
          status.classList.remove("bad");
        } catch (problem) {
          status.textContent = `This could not be decoded: ${problem.message}`;
          status.classList.add("bad");
        }
      }
    }

    function show(next, what = null) {
      z = Array.from(next, Number);
      for (const s of sliders) s.set(z[s.index]);
      for (const tell of told) tell(z, what);
      return update();
    }

    function moved(index, value) {
      if (backend.single) z = centre.slice();
      z[index] = value;
      if (backend.single) for (const s of sliders) s.set(z[s.index]);
      for (const tell of told) tell(z, "sliders");
      update();
    }

    const tools = toolbar({
      draw: (temperature) => { drawn = draw(view.prior, 1); show(heated(temperature), "draw"); },
      // The same draw nearer to the centre or further away.
      heat: (temperature) => { if (drawn && backend.single !== true) show(heated(temperature), "draw"); },
      reset: () => { drawn = null; show(centre, "reset"); },
    });
    const heated = (t) => drawn.map((x, k) => centre[k] + t * (x - centre[k]));
    const controls = make("div", { class: "live-controls" }, ...(backend.single ? [] : [tools]), ...sliderLists(view.latents, sliders));
    root.replaceChildren(make("div", { class: `live live-of-${view.row.kind}` }, make("div", { class: "live-pictures" }, row.element, status), controls));
    show(centre, "reset");
    return { show, z: () => z.slice(), shown: () => last, onChange: (tell) => told.push(tell),
      onDrawn: (draw) => { drawing.push(draw); if (last) draw(last); }, row: view.row, settled: update, single: backend.single === true };
  }

  // The cells of a decoded row as text: numbers as the table writes them, the likeliest category.
  function cellTexts(row, { mean, chances }) {
    let first = 0;
    return row.columns.map((column, i) => {
      if (!column.levels) return VaefitCells.write(mean[i], column);
      const from = first;
      first += column.levels.length;
      return column.levels[likeliest(Array.from(chances).slice(from, first))];
    });
  }

  const likeliest = (chances) => chances.reduce((best, p, i) => (p > chances[best] ? i : best), 0);

  // A smaller picture of what a controller shows, to stand elsewhere.
  function preview(live) {
    const row = imageRow(live.row, "Sd");
    live.onDrawn(row.draw);
    return row.element;
  }

  // The page's own decoder as a backend.
  function ofPage(payload) {
    const decoder = payload.frames ? VaefitFrames(payload) : VaefitDecoder(payload);
    return { latentDim: decoder.latentDim, single: decoder.single, decode: async (z) => decoder.decode(z) };
  }

  return { mount, preview, cellTexts, ofPage, make, filled };
})();

{
  const root = document.getElementById("live"), payload = window.vaefit?.data("decoder");
  if (root && payload) {
    const live = VaefitLive.mount(root, window.vaefit.data("live"), VaefitLive.ofPage(payload));
    Object.assign(window.vaefit, { live, show: live.show });
  }
}
