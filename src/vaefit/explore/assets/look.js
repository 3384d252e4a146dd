"use strict";
// Looks at one row: an image that is dropped, pasted or chosen, or a row of a table as text.
(() => {
  const about = vaefit.data("explorer");
  const area = document.getElementById("look");
  const result = document.getElementById("look-result");
  const status = document.getElementById("look-status");
  let latest = 0;
  let timer = null;

  class Problem extends Error {
    constructor(message, offers) {
      super(message);
      this.offers = offers ?? [];
    }
  }

  async function ask(path, options) {
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      throw new Problem("No answer from vaefit. Was it closed in its terminal?");
    }
    const found = await answer.json().catch(() => ({ error: `No answer that can be read (${answer.status}).` }));
    if (!answer.ok) throw new Problem(found.error, found.offers);
    return found;
  }

  function make(name, attributes = {}, ...inner) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (value !== null && value !== undefined) element.setAttribute(key, value);
    }
    element.append(...inner.filter((part) => part !== null));
    return element;
  }

  const number = (value, digits = 2) =>
    value === null ? "–" : value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");

  // Asks, and shows the answer unless something else was asked for meanwhile.
  async function look(path, options, title, again) {
    const mine = ++latest;
    clearTimeout(timer);
    area.setAttribute("aria-busy", "true");
    status.className = "note";
    status.textContent = `Looking at ${title} …`;
    try {
      const found = await ask(path, options);
      if (mine === latest) show(found, path.includes("/map/") ? title : found.name ?? title, () => look(path, options, title, again));
    } catch (problem) {
      if (mine === latest) complain(problem, again);
    }
    if (mine === latest) area.removeAttribute("aria-busy");
  }

  function complain(problem, again) {
    const words = { resize: "Resize it", grey: "Turn it grey", "resize grey": "Resize it and turn it grey" };
    const offered = problem.offers.join(" ");
    status.className = "problem";
    status.replaceChildren(problem.message);
    if (offered && again) {
      status.append(" ", make("button", { type: "button", onclick: () => again(problem.offers) }, words[offered] ?? offered));
    }
  }

  function show(found, title, repeat) {
    status.className = "note";
    status.replaceChildren(found.notes.length ? `${title}: ${found.notes.join("; ")}` : title);
    result.replaceChildren(numbers(found), ...(about.image ? images(found) : [cells(found)]), ...near(found));
    if (found.what !== null) follow(found, repeat);
    document.dispatchEvent(new CustomEvent("vaefit:looked", { detail: found }));
  }

  function numbers(found) {
    const error = found.standard_error === null ? "ELBO, a lower bound" : `± ${number(found.standard_error)} standard error, ${found.draws} draws`;
    return make("dl", { class: "tiles" },
      make("div", {}, make("dt", {}, `${found.measure}, nats`), make("dd", {}, number(found.nats), make("small", {}, error))),
      make("div", { id: "percentile" }, make("dt", {}, "odder than"), make("dd", {}, ...percentile(found.percentile, found.among, found.what))),
      make("div", {}, make("dt", {}, "in the decoder"),
        make("dd", {}, make("button", { type: "button", onclick: () => send(found.mean) }, "Show its latents"),
          make("small", {}, "sets the sliders to its posterior mean"))));
  }

  function percentile(share, among, what) {
    if (what === null) return ["–", make("small", {}, "there are no rows to hold it against")];
    if (share === null) return ["…", make("small", {}, `the ${what} are being scored`)];
    return [`${number(share, share > 99 || share < 1 ? 1 : 0)} %`, make("small", {}, `of ${among.toLocaleString("en")} ${what}`)];
  }

  // The percentile, while the run's own rows are still being scored.
  async function follow(found, repeat) {
    const mine = latest;
    const now = await ask(`/api/known?nats=${found.nats}`).catch(() => null);
    if (mine !== latest || now === null) return;
    const words = now.scored < now.of ? `${found.what} scored so far` : found.what;
    document.querySelector("#percentile dd")?.replaceChildren(...percentile(now.percentile, now.scored, words));
    // Asked before anything was known to be usual: what is odd can be told now.
    const told = about.image ? found.odd : found.cells.some((line) => line.odd !== null);
    if (now.usual && !told) repeat();
    else if (now.scored < now.of) timer = setTimeout(() => follow(found, repeat), 1000);
  }

  function send(mean) {
    document.dispatchEvent(new CustomEvent("vaefit:latents", { detail: mean }));
    document.getElementById("decoder")?.scrollIntoView();
  }

  function picture(address, words, below) {
    return make("figure", {}, make("img", { class: "pixels", src: address, alt: words }), make("figcaption", {}, below ?? words));
  }

  function images(found) {
    const shown = [picture(found.input, "input"), picture(found.reconstruction, "mean of its outputs"), picture(found.spread, "their sd")];
    if (found.odd) shown.push(odd(found));
    const samples = found.samples.map((address, i) => make("img", { class: "pixels", src: address, alt: `output ${i + 1}` }));
    return [
      make("div", { class: "look-strip" }, ...shown),
      make("h3", {}, "Outputs for draws of its posterior"),
      make("div", { class: "look-strip few" }, ...samples),
    ];
  }

  function odd(found) {
    const overlay = make("span", { class: "overlay" },
      make("img", { class: "pixels", src: found.input, alt: "" }), make("img", { class: "pixels", src: found.odd, alt: "pixels that make it odd" }));
    const below = make("figcaption", {}, "what makes it odd: ",
      make("b", { class: "more" }, "costs more"), " or ", make("b", { class: "less" }, "less"),
      ` than usual at that pixel (full colour: ${number(found.odd_full, 1)} nats; in all ${number(found.excess, 1)})`);
    return make("figure", {}, overlay, below);
  }

  function cells(found) {
    const lines = [...found.cells].sort((a, b) => (b.odd ?? -Infinity) - (a.odd ?? -Infinity));
    const top = Math.max(...lines.map((line) => line.odd ?? 0), 1);
    const body = lines.map((line) => make("tr", {},
      make("th", { scope: "row" }, line.name),
      make("td", {}, line.value ?? make("em", {}, "missing")),
      make("td", {}, line.guess ?? ""),
      make("td", {}, line.low === null ? "" : `${line.low} to ${line.high}`),
      make("td", { class: "odd" }, line.odd === null ? "–" : number(line.odd),
        line.odd === null ? null : bar(Math.max(0, line.odd) / top))));
    const heads = ["column", "here", "expected", "interval", "odd"].map((head) => make("th", { scope: "col" }, head));
    const table = make("table", {}, make("caption", {}, `Expected: ${found.interval}. Odd: ${found.odd_by}.`),
      make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...body));
    return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "cells" }, table);
  }

  function bar(share) {
    const filled = make("span", { class: "bar", "aria-hidden": "true" });
    filled.style.width = `${(6 * share).toFixed(2)}rem`;
    return filled;
  }

  function near(found) {
    if (!found.nearest) return [];
    const same = found.same === null ? null : make("p", { class: "note" }, `It is the same as row ${found.same + 1} of the ${found.what}.`);
    return [make("h3", {}, `Nearest ${found.what}, by posterior mean`), same, about.image ? cards(found) : lines(found)].filter(Boolean);
  }

  // A file is known by its name; where it lies is in the way.
  const called = (row) => make("span", { title: row.name }, row.name.split("/").pop());

  function again(row) {
    return make("button", { type: "button", onclick: () => look(`/api/look/known/${row.row}`, { method: "POST" }, row.name) }, "Look");
  }

  function cards(found) {
    return make("ul", { class: "neighbours" }, ...found.nearest.map((row) => make("li", {},
      make("img", { class: "pixels", src: row.picture, alt: row.name }),
      called(row),
      row.label === null ? null : make("span", { class: "quiet" }, row.label),
      make("span", { class: "quiet" }, `distance ${number(row.distance)}`), again(row))));
  }

  function lines(found) {
    const names = about.columns;
    const body = found.nearest.map((row) => make("tr", {}, make("th", { scope: "row" }, called(row)),
      make("td", { class: "number" }, number(row.distance)),
      ...row.cells.map((cell) => make("td", {}, cell ?? "–")), make("td", {}, again(row))));
    const heads = ["row", "distance", ...names, ""].map((head) => make("th", { scope: "col" }, head));
    return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "nearest rows" },
      make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...body)));
  }

  function lookAtFile(file, offers = []) {
    if (file.size > about.most) {
      complain(new Problem(`${file.name}: expected an image of at most ${about.most >> 20} MB, found ${(file.size / 2 ** 20).toFixed(0)} MB`));
      return;
    }
    const flags = offers.map((offer) => `${{ resize: "resized", grey: "greyed" }[offer]}=1`).join("&");
    const options = { method: "POST", body: file, headers: { "X-Name": encodeURIComponent(file.name || "pasted image") } };
    look(`/api/look${flags ? `?${flags}` : ""}`, options, file.name || "pasted image", (given) => lookAtFile(file, given));
  }

  function lookAtText(text) {
    look("/api/look", { method: "POST", body: text, headers: { "Content-Type": "text/plain" } }, "this row");
  }

  function forImages() {
    const zone = document.getElementById("drop");
    const chooser = document.getElementById("file");
    const files = (event) => [...(event.clipboardData ?? event.dataTransfer)?.files ?? []];
    chooser.addEventListener("change", () => {
      if (chooser.files[0]) lookAtFile(chooser.files[0]);
      chooser.value = "";
    });
    // Anywhere on the page: a browser would otherwise leave it for the image.
    document.addEventListener("dragover", (event) => { event.preventDefault(); zone.dataset.over = "yes"; });
    document.addEventListener("dragleave", (event) => { if (event.relatedTarget === null) delete zone.dataset.over; });
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      delete zone.dataset.over;
      const dropped = files(event);
      if (dropped[0]) lookAtFile(dropped[0]);
      else complain(new Problem("expected an image file, found something else"));
    });
    document.addEventListener("paste", (event) => { const pasted = files(event); if (pasted[0]) lookAtFile(pasted[0]); });
  }

  function forRows() {
    const form = document.getElementById("paste");
    const text = form.querySelector("textarea");
    form.addEventListener("submit", (event) => { event.preventDefault(); lookAtText(text.value); });
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); lookAtText(text.value); }
    });
  }

  if (about.image) forImages(); else forRows();
  document.getElementById("any")?.addEventListener("click", () => {
    const row = Math.floor(Math.random() * about.rows);
    look(`/api/look/shown/${row}`, { method: "POST" }, `one of the ${about.about}`);
  });

  window.explorer = { ask, look };
})();
