// The latent map: rows (or how many there are) in a plane; a place that is chosen is decoded, two are morphed.
"use strict";

{
  const { make, filled } = window.VaefitLive;
  const SERIES = ["$blue", "$orange", "$green", "$purple", "$vermillion", "$sky", "$yellow"];
  const SYMBOLS = ["circle", "diamond", "square", "triangle-up", "cross", "x"];
  const SIGHT = 88; // pixels of a thumbnail along its longer side
  const MORPH = 2400; // milliseconds
  // Cividis, safe for colour-blind eyes (Nuñez, Anderton & Renslow 2018).
  const CIVIDIS = "Cividis";

  function floats(text) {
    return new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  }

  // Text of the data for Plotly, which reads some markup.
  const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  function latentMap(root, map, live) {
    const means = map.means ? floats(map.means) : null, n = map.names ? map.names.length : 0;
    let view = map.views[0], colour = map.colours ? map.colours[0] : null;
    const decodes = live !== null && !live.single;
    // Of a table's columns those whose cells are shown beside the map.
    const heads = map.cells?.heads ?? (live?.row.columns ?? []).slice(0, 10).map((column) => column.name);
    let from = null, to = null, choosing = false, running = null, ready = null;

    // ---- places: {z, name, xy, row} ----
    const vector = (row) => Array.from(means.subarray(row * map.latents, (row + 1) * map.latents));

    function placeOfRow(row) {
      const at = view.which ? view.which.indexOf(row) : row;
      return { z: vector(row), name: map.names[row], row, xy: at < 0 ? null : [view.xy[0][at], view.xy[1][at]] };
    }

    function placeAt(x, y) {
      const z = view.mean.map((m, k) => m + x * view.axes[0][k] + y * view.axes[1][k]);
      return { z, name: `(${x.toFixed(2)}, ${y.toFixed(2)})`, row: null, xy: [x, y] };
    }

    // In PCA's plane any latent vector has a place.
    function project(z) {
      if (!view.axes) return null;
      return view.axes.map((axis) => axis.reduce((sum, a, k) => sum + a * (z[k] - view.mean[k]), 0));
    }

    // ---- traces ----
    function rowsShown() {
      return view.which ?? Array.from({ length: n }, (_, i) => i);
    }

    function points(rows, more) {
      const where = new Map((view.which ?? []).map((row, i) => [row, i]));
      const at = rows.map((row) => (view.which ? where.get(row) : row));
      return {
        type: "scatter", mode: "markers", hoverinfo: "none", customdata: rows,
        x: at.map((i) => view.xy[0][i]), y: at.map((i) => view.xy[1][i]), ...more,
      };
    }

    const size = () => (rowsShown().length > 600 ? 5 : 7);

    function classTraces() {
      const byClass = colour.classes.map(() => []);
      for (const row of rowsShown()) byClass[colour.of[row]].push(row);
      return byClass.map((rows, i) => points(rows, {
        name: plain(colour.classes[i]), showlegend: colour.classes.length > 1,
        marker: {
          color: SERIES[i % SERIES.length], symbol: SYMBOLS[Math.floor(i / SERIES.length) % SYMBOLS.length],
          size: size() + 1, opacity: 0.8, line: { width: 0.5, color: "$paper" },
        },
      }));
    }

    const scale = (title) => ({
      title: { text: title, side: "top" }, orientation: "h", x: 0, xanchor: "left", y: 1.01, yanchor: "bottom",
      len: 0.6, thickness: 10, outlinewidth: 0, ypad: 0, tickfont: { size: 11 },
    });

    function numberTraces() {
      const rows = rowsShown(), known = rows.filter((row) => colour.values[row] !== null);
      const title = plain(colour.name) + (colour.unit ? `, ${colour.unit}` : "");
      const values = known.map((row) => colour.values[row]), sorted = values.slice().sort((a, b) => a - b);
      const at = (q) => sorted[Math.round(q * (sorted.length - 1))];
      return [
        points(rows.filter((row) => colour.values[row] === null), { showlegend: false, marker: { color: "$muted", size: 4, opacity: 0.25 } }),
        points(known, { showlegend: false, marker: { color: values, colorscale: CIVIDIS, cmin: at(0.01), cmax: at(0.99), showscale: true, colorbar: scale(title), size: size() + 2, opacity: 0.9, line: { width: 0.75, color: "$muted@0.7" } } }),
      ];
    }

    function density() {
      return [{
        type: "heatmap", x: view.centres[0], y: view.centres[1], z: view.counts.map((line) => line.map((c) => c || null)),
        colorscale: CIVIDIS, hoverinfo: "none", xgap: 1, ygap: 1,
        colorbar: scale("rows in the cell"),
      }];
    }

    // What is decoded, and the way of a morph: the last two traces.
    function marks() {
      const way = from?.xy && to?.xy ? [from.xy, to.xy] : [], here = project(live?.z() ?? []) ?? chosen()?.xy ?? null;
      const common = { type: "scatter", hoverinfo: "skip", showlegend: false };
      return [
        { ...common, mode: "lines+text+markers", x: way.map((p) => p[0]), y: way.map((p) => p[1]), text: way.length ? ["A", "B"] : [], textposition: "top center", textfont: { color: "$ink", size: 14 }, line: { color: "$ink", width: 2, dash: "dot" }, marker: { color: "$ink", size: 7 } },
        { ...common, mode: "markers", x: here ? [here[0]] : [], y: here ? [here[1]] : [], marker: { color: "rgba(0,0,0,0)", size: 16, symbol: "circle", line: { color: "$vermillion", width: 3 } } },
      ];
    }

    const chosen = () => (to && morphing() > 0.5 ? to : from);
    const morphing = () => Number(slider.value);

    function spec() {
      const traces = view.counts ? density() : colour.classes ? classTraces() : numberTraces();
      const equal = view.axes ? { scaleanchor: "x", scaleratio: 1 } : {};
      return {
        data: [...traces, ...marks()],
        layout: {
          xaxis: { title: { text: view.titles[0] }, zeroline: false }, yaxis: { title: { text: view.titles[1] }, zeroline: false, ...equal },
          margin: { l: 48, r: 12, t: 8, b: 44 }, hovermode: "closest", hoverdistance: 12,
          legend: { orientation: "h", x: 0, xanchor: "left", y: 1.01, yanchor: "bottom", itemsizing: "constant", title: { text: colour?.classes?.length > 1 ? plain(colour.name) : "" } },
          clickmode: "event",
        },
      };
    }

    let shownSpec = null;

    async function redraw() {
      shownSpec = spec();
      await window.vaefit.draw(plot, shownSpec);
      if (ready === null) { ready = true; listen(); }
    }

    // Only the marks, which is fast enough for every frame of a morph; the figure keeps them for a new theme.
    let marking = false;
    function mark() {
      if (!ready || marking) return;
      marking = true;
      requestAnimationFrame(() => {
        marking = false;
        const fresh = marks(), first = plot.data.length - fresh.length;
        shownSpec.data.splice(-fresh.length, fresh.length, ...fresh);
        const update = { x: fresh.map((t) => t.x), y: fresh.map((t) => t.y), text: fresh.map((t) => t.text) };
        window.Plotly.restyle(plot, update, fresh.map((_, i) => first + i));
      });
    }

    // ---- a row under the pointer, or chosen ----
    function thumbnail(row, side = SIGHT) {
      const { image, tile: [h, w], columns } = map.sheet, scale = side / Math.max(h, w);
      const found = make("span", { class: "tile", role: "img", "aria-label": `Picture of ${map.names[row]}` });
      const lines = Math.ceil(n / columns);
      Object.assign(found.style, {
        width: `${w * scale}px`, height: `${h * scale}px`, backgroundImage: `url("${image}")`,
        backgroundSize: `${columns * w * scale}px ${lines * h * scale}px`,
        backgroundPosition: `${-(row % columns) * w * scale}px ${-Math.floor(row / columns) * h * scale}px`,
      });
      return found;
    }

    // A row's first cells; with what is decoded beside them where `decoded` asks for it.
    function cellsOf(rows, decoded = false) {
      const above = [...(rows.length > 1 ? ["A", "B"] : rows.map(() => "row")), ...(decoded ? ["decoded"] : [])];
      const lines = heads.map((head, i) => make("tr", {}, make("th", { scope: "row", text: head }),
        ...rows.map((row) => make("td", { text: map.cells.rows[row][i], title: map.cells.rows[row][i] })), ...(decoded ? [make("td", { class: "map-out" })] : [])));
      const head = make("thead", {}, make("tr", {}, make("th", { scope: "col", text: "column" }), ...above.map((text) => make("th", { scope: "col", text }))));
      return make("table", { class: "map-cells" }, ...(decoded || rows.length > 1 ? [head] : []), make("tbody", {}, ...lines));
    }

    function writeDecoded(found) {
      const texts = window.VaefitLive.cellTexts(live.row, found);
      table.querySelectorAll(".map-out").forEach((cell, i) => { cell.textContent = cell.title = texts[i]; });
    }

    function describe(row, side) {
      const facts = (map.colours ?? []).filter((c) => c.values ? c.values[row] !== null && c.unit : c.name === "label")
        .map((c) => make("div", { class: "note", text: c.values ? `${c.name} ${Number(c.values[row].toPrecision(4)).toString().replace("-", "−")} ${c.unit.replace(" per datum", "")}` : `${c.name}: ${c.classes[c.of[row]]}` }));
      const look = map.sheet ? [thumbnail(row, side)] : map.cells && side !== null ? [cellsOf([row])] : [];
      const name = map.names[row], last = name.slice(name.lastIndexOf("/") + 1) || name;
      return [make("div", { class: "map-name", text: last, title: name }), ...look, ...facts];
    }

    function hover(row, event) {
      tip.replaceChildren(...describe(row));
      tip.hidden = false;
      const box = frame.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
      tip.style.left = `${Math.max(0, Math.min(box.width - tip.offsetWidth, x < box.width / 2 ? x + 16 : x - tip.offsetWidth - 16))}px`;
      tip.style.top = `${Math.max(0, Math.min(box.height - tip.offsetHeight, y - tip.offsetHeight / 2))}px`;
    }

    function listen() {
      plot.on("plotly_hover", ({ points: [point], event }) => { if (point.customdata !== undefined) hover(point.customdata, event); });
      plot.on("plotly_unhover", () => { tip.hidden = true; });
      plot.on("plotly_click", ({ points: [point], event }) => {
        const place = point.customdata === undefined ? placeAt(point.x, point.y) : placeOfRow(point.customdata);
        choose(place, event.shiftKey || choosing);
      });
    }

    // ---- choosing and morphing ----
    function choose(place, second) {
      stop();
      if (second && from) { to = place; setMorph(1); }
      else { from = place; to = null; setMorph(0); }
      choosing = false;
      tip.hidden = true;
      tell();
      mark();
    }

    function setMorph(t) {
      slider.value = t;
      filled(slider, 0, 100 * t);
      output.textContent = t.toFixed(2);
      if (!from || !live || live.single) return;
      const z = to ? from.z.map((a, k) => (1 - t) * a + t * to.z[k]) : from.z;
      live.show(z, "map");
    }

    function tell() {
      const rows = [["A", from], ["B", to]].filter(([, place]) => place);
      const two = rows.length > 1, size = heads.length ? null : two ? 72 : SIGHT;
      panel.replaceChildren(...(rows.length ? rows.map(([letter, place]) => make("div", { class: "map-chosen" },
        ...(two ? [make("b", { text: letter })] : []),
        ...(place.row === null ? [make("div", { class: "map-name", text: `place ${place.name}` })] : describe(place.row, size)))) : [hint]));
      const chosenRows = rows.filter(([, place]) => place.row !== null).map(([, place]) => place.row);
      table.replaceChildren(...(heads.length && rows.length ? [cellsOf(chosenRows, decodes)] : []));
      if (decodes && heads.length && live.shown()) writeDecoded(live.shown());
      morphButton.disabled = !from;
      morphButton.setAttribute("aria-pressed", String(choosing));
      morphButton.textContent = choosing ? "Now choose B" : "Morph to …";
      slider.disabled = play.disabled = !to;
      if (from?.row != null && !to) picker.value = from.row + 1;
    }

    function stop() {
      if (running !== null) cancelAnimationFrame(running);
      running = null;
      play.textContent = "Play";
    }

    function animate() {
      if (running !== null) return stop();
      play.textContent = "Stop";
      const begun = performance.now(), start = morphing() >= 1 ? 0 : morphing();
      const step = (now) => {
        const t = Math.min(1, start + (now - begun) / MORPH);
        setMorph(t);
        mark();
        if (t < 1) running = requestAnimationFrame(step); else stop();
      };
      running = requestAnimationFrame(step);
      return undefined;
    }

    // ---- by keyboard: to the nearest point in a direction ----
    const TURNS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

    function next([dx, dy]) {
      const here = (to ?? from)?.xy ?? [0, 0];
      if (view.counts) {
        const step = (axis) => view.centres[axis][1] - view.centres[axis][0];
        return placeAt(here[0] + dx * step(0), here[1] + dy * step(1));
      }
      let best = null, least = Infinity;
      for (const row of rowsShown()) {
        const { xy: [x, y] } = { xy: view.which ? [view.xy[0][view.which.indexOf(row)], view.xy[1][view.which.indexOf(row)]] : [view.xy[0][row], view.xy[1][row]] };
        const along = (x - here[0]) * dx + (y - here[1]) * dy, across = Math.abs((x - here[0]) * dy) + Math.abs((y - here[1]) * dx);
        const cost = along + 2 * across;
        if (along > 1e-6 && cost < least) { least = cost; best = row; }
      }
      return best === null ? null : placeOfRow(best);
    }

    function key(event) {
      if (event.key === "m" || event.key === "M") { toggle(); event.preventDefault(); return; }
      const turn = TURNS[event.key];
      if (!turn) return;
      event.preventDefault();
      const place = next(turn);
      if (place) choose(place, (event.shiftKey || choosing || to !== null) && from !== null);
    }

    function toggle() {
      choosing = !choosing && from !== null;
      tell();
    }

    // ---- the section ----
    const plot = make("div", { class: "map-plot" });
    const tip = make("div", { class: "map-tip", hidden: true, "aria-hidden": "true" });
    const keys = "Arrow keys go to the next point, M begins a morph.";
    const frame = make("div", { class: "map-frame", tabindex: "0", role: "application", "aria-label": `Latent map. ${keys}`, onkeydown: key }, plot, tip);
    const hint = make("p", { class: "note", text: n ? "Choose a point: click it, or focus the map and use the arrow keys." : "Choose a place: click it, or focus the map and use the arrow keys." });
    const panel = make("div", { class: "map-panel", "aria-live": "polite" }, hint);
    const table = make("div", { class: "map-table" });
    const slider = make("input", { type: "range", id: "map-morph", min: 0, max: 1, step: 0.01, value: 0, disabled: true, oninput: () => { stop(); setMorph(morphing()); mark(); } });
    const output = make("output", { for: "map-morph", text: "0.00" });
    const play = make("button", { type: "button", text: "Play", disabled: true, onclick: animate });
    const morphButton = make("button", { type: "button", text: "Morph to …", disabled: true, "aria-pressed": "false", onclick: toggle });
    const picker = make("input", { type: "number", id: "map-row", min: 1, max: n, placeholder: "–", oninput: () => {
      const row = Number(picker.value) - 1;
      if (Number.isInteger(row) && row >= 0 && row < n) choose(placeOfRow(row), choosing && from !== null);
    } });

    function select(id, label, options, onChange) {
      const found = make("select", { id, onchange: () => onChange(Number(found.value)) }, ...options.map((text, i) => make("option", { value: i, text })));
      return make("span", {}, make("label", { for: id, text: label }), found);
    }

    const tools = make("div", { class: "map-tools" });
    if (map.views.length > 1) tools.append(select("map-view", "Map", map.views.map((v) => v.name), (i) => { view = map.views[i]; moveTo(); redraw(); }));
    if (n) tools.append(select("map-colour", "Colour by", map.colours.map((c) => c.name), (i) => { colour = map.colours[i]; redraw(); }));
    if (n) tools.append(make("span", {}, make("label", { for: "map-row", text: "Point" }), picker, make("small", { class: "note", text: `of ${n}` })));

    // Places of another view.
    function moveTo() {
      if (from?.row != null) from = { ...placeOfRow(from.row) };
      if (to?.row != null) to = { ...placeOfRow(to.row) };
    }

    const morph = make("div", { class: "map-morph" }, morphButton, make("span", { class: "map-slide" }, make("label", { for: "map-morph", text: "A to B" }), slider, output), play);
    const pictures = decodes && live.row.kind === "image" ? [make("div", { class: "map-decoded" }, make("div", { class: "note", text: "Decoded" }), window.VaefitLive.preview(live))] : [];
    const side = make("div", { class: "map-side" }, panel, table, ...pictures, ...(decodes ? [morph] : []));
    if (decodes && heads.length) live.onDrawn(writeDecoded);
    root.replaceChildren(tools, make("div", { class: `map${heads.length ? " of-cells" : ""}` }, frame, side));
    filled(slider, 0, 0);
    live?.onChange((_, what) => { if (what !== "map") { stop(); } mark(); });
    window.vaefit.near(root, redraw);
    return { choose: (row, second = false) => choose(placeOfRow(row), second), chosen: () => ({ from, to }), redraw };
  }

  const root = document.getElementById("map"), map = window.vaefit.data("map");
  if (root && map) window.vaefit.map = latentMap(root, map, window.vaefit.live ?? null);
}
