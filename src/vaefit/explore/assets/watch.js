"use strict";
// The page of a fit under way: asks for news, and shows the curves and the picture as they grow.
(() => {
  const EVERY = 1000, LOST = 5; // milliseconds; times without an answer
  const find = (id) => document.getElementById(id);
  let known = 0, picture = 0, missed = 0;

  function make(name, attributes = {}, ...inner) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...inner);
    return element;
  }

  const number = (value, digits = 2) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");

  async function ask() {
    try {
      const answer = await fetch(`/api/news?records=${known}&picture=${picture}`);
      if (!answer.ok) throw new Error((await answer.json()).error);
      const news = await answer.json();
      missed = 0;
      await show(news);
      if (news.ending) return;
    } catch (problem) {
      missed += 1;
      if (missed >= LOST) {
        find("watch-status").className = "problem";
        find("watch-status").textContent = `No answer any more (${problem.message}). The fit has ended or was stopped; its terminal says more.`;
        return;
      }
    }
    setTimeout(ask, EVERY);
  }

  async function show(news) {
    tell(news);
    if (news.curves !== null) { known = news.records; await curves(news.curves); }
    if (news.picture !== null) { picture = news.picture.number; draw(news.picture); }
  }

  function tell({ epochs, at, last, notices, ending }) {
    const epoch = Math.min(Math.floor(at) + 1, epochs);
    find("watch-status").textContent = ending || (epochs ? `Epoch ${epoch.toLocaleString("en")} of at most ${epochs.toLocaleString("en")}` : "Preparing …");
    find("watch-bar").value = epochs ? at / epochs : 0;
    document.title = `${ending ? "done" : `${epochs ? Math.floor((100 * at) / epochs) : 0} %`} – ${document.title.split(" – ").slice(-2).join(" – ")}`;
    const tiles = make("dl", { class: "tiles" });
    const tile = (name, value, unit) => tiles.append(make("div", {}, make("dt", {}, name), make("dd", {}, value, make("small", {}, unit))));
    if (last?.validation) tile("validation ELBO", number(last.validation.elbo), "nats per datum");
    if (last && "elbo" in last) {
      tile("training ELBO", number(last.elbo), "nats per datum");
      tile("rate, distortion", `${number(last.rate, 1)}, ${number(last.distortion, 1)}`, "nats per datum");
      tile("speed", number(last.rows_per_second, 0), "rows a second");
    }
    const list = make("ul", { id: "watch-notices", class: "note" }, ...notices.map((notice) => make("li", {}, notice)));
    find("watch-numbers").replaceChildren(tiles, ...(notices.length ? [list] : []));
  }

  // The curves as the report has them; plots that are there take the new numbers.
  async function curves(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    const specs = [...fresh.querySelectorAll("script.spec")].map((script) => JSON.parse(script.textContent));
    const area = find("watch-curves");
    if (area.querySelectorAll(".plot").length !== specs.length) area.replaceChildren(...fresh.body.childNodes);
    else area.querySelector("p").replaceWith(fresh.querySelector("p"));
    const plots = [...area.querySelectorAll(".plot")];
    await Promise.all(plots.map((plot, i) => vaefit.draw(plot, specs[i])));
  }

  function draw(made) {
    const words = make("p", { class: "note" }, `After ${number(made.at, 1)} epochs.`);
    find("watch-picture").replaceChildren(words, made.images ? images(made.images) : table(made));
  }

  function images(lines) {
    const count = lines[0].length, heads = ["input", "mean", "samples"].map((head) => make("b", {}, head));
    const grid = make("div", { class: "grid" }, ...heads, ...Array.from({ length: count - 3 }, () => make("span")));
    grid.style.gridTemplateColumns = `repeat(${count}, minmax(0, 1fr))`;
    lines.forEach((line, i) => line.forEach((address, j) => {
      const what = j === 0 ? "input" : j === 1 ? "mean" : `sample ${j - 1}`;
      grid.append(make("img", { class: "pixels", src: address, alt: `row ${i + 1}, ${what}` }));
    }));
    return grid;
  }

  function table({ columns, cells }) {
    const line = (head, values) => make("tr", {}, make("th", { scope: "row" }, head), ...values.map((value) => make("td", {}, value ?? "missing")));
    const body = cells.flatMap(([input, mean]) => [line("input", input), line("mean", mean)]);
    const heads = ["", ...columns].map((head) => make("th", { scope: "col" }, head));
    return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "rows and what the model makes of them" },
      make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...body)));
  }

  ask();
})();
