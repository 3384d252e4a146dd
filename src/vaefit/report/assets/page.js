"use strict";
// What every section's script may use: values, colours of the theme, Plotly, and plots drawn when they are near.
window.vaefit = (() => {
  const root = document.documentElement;
  const changed = [];
  const drawn = new Map();
  const waiting = [];
  let unpacked = null;
  let printing = false;

  // The value that Python embedded under a name.
  function data(name) {
    const element = document.getElementById(`data-${name}`);
    return element === null ? null : JSON.parse(element.textContent);
  }

  // "$blue" or "$blue@0.3", a colour of the theme, as CSS.
  function colour(reference) {
    const [name, opacity] = reference.slice(1).split("@");
    const hex = getComputedStyle(root).getPropertyValue(`--${name}`).trim();
    if (opacity === undefined) return hex;
    const parts = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    return `rgba(${parts.join(",")},${opacity})`;
  }

  const REFERENCE = /^\$[a-z]+(@[\d.]+)?$/;

  function themed(value) {
    if (typeof value === "string") return REFERENCE.test(value) ? colour(value) : value;
    if (Array.isArray(value)) return typeof value[0] === "number" ? value.slice() : value.map(themed);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, themed(inner)]));
  }

  // Plotly, unpacked from the page the first time somebody asks.
  function plotly() {
    unpacked ??= unpack();
    return unpacked;
  }

  async function unpack() {
    const packed = document.getElementById("plotly");
    if (packed.dataset.address) return loaded(packed.dataset.address);
    const bytes = Uint8Array.from(atob(packed.textContent), (character) => character.charCodeAt(0));
    packed.remove();
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    return window.Plotly;
  }

  // From the server of a page that has one.
  function loaded(address) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.addEventListener("load", () => resolve(window.Plotly));
      script.addEventListener("error", () => reject(new Error("Plotly could not be loaded")));
      script.src = address;
      document.head.append(script);
    });
  }

  function axisOf(given) {
    const base = {
      automargin: true, gridcolor: "$grid", zerolinecolor: "$grid", linecolor: "$muted", tickcolor: "$muted",
      title: { standoff: 8, font: { size: 13 } }, fixedrange: matchMedia("(pointer: coarse)").matches,
    };
    return merged(base, given ?? {});
  }

  function merged(base, over) {
    const result = { ...base };
    for (const [key, value] of Object.entries(over)) {
      const both = value !== null && typeof value === "object" && !Array.isArray(value) && key in base;
      result[key] = both ? merged(base[key], value) : value;
    }
    return result;
  }

  function layoutOf(given) {
    const base = {
      autosize: true, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: "$ink" },
      margin: { l: 48, r: 12, t: 12, b: 40 }, hoverlabel: { bgcolor: "$paper", bordercolor: "$muted", font: { color: "$ink" } },
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom" },
      xaxis: {}, yaxis: {}, bargap: 0.15, dragmode: false,
    };
    const layout = merged(base, given);
    for (const key of Object.keys(layout)) if (/^[xy]axis\d*$/.test(key)) layout[key] = axisOf(layout[key]);
    return layout;
  }

  const CONFIG = { responsive: true, displaylogo: false, displayModeBar: false, scrollZoom: false, showTips: false };

  // Draw a figure (again, where the theme has changed); traces and layout as Python wrote them.
  async function draw(element, spec, config = {}) {
    const library = await plotly();
    drawn.set(element, [spec, config]);
    return library.react(element, themed(spec.data), themed(layoutOf(spec.layout)), { ...CONFIG, ...config });
  }

  function redraw() {
    for (const [element, [spec, config]] of drawn) draw(element, spec, config);
    for (const tell of changed) tell();
  }

  // Call once, when an element is less than a screen away, or when the page has nothing else to do.
  function near(element, call) {
    let called = false;
    const once = () => {
      if (called) return;
      called = true;
      observer.disconnect();
      call();
    };
    const observer = new IntersectionObserver(
      (entries) => { if (entries.some((entry) => entry.isIntersecting)) once(); }, { rootMargin: "100% 0px" },
    );
    observer.observe(element);
    waiting.push(once);
  }

  function drawOnce(element) {
    if (drawn.has(element) || element.dataset.begun) return Promise.resolve();
    element.dataset.begun = "yes";
    const spec = JSON.parse(element.parentElement.querySelector("script.spec").textContent);
    return draw(element, spec).then(() => { element.dataset.drawn = "yes"; }).catch((problem) => {
      element.textContent = `This plot could not be drawn: ${problem.message}`;
      console.error(problem);
    });
  }

  // What is near at once; all else while the page has nothing to do, so that it is there in print too.
  function drawAll() {
    for (const plot of document.querySelectorAll(".plot")) near(plot, () => drawOnce(plot));
    const idle = window.requestIdleCallback ?? ((call) => setTimeout(call, 200));
    const next = () => {
      const call = waiting.shift();
      if (call === undefined) return;
      call();
      idle(next);
    };
    idle(next);
  }

  // CSS pixels between the margins of A4, in as many columns as the style sheet has for paper.
  function sizeOnPaper(element) {
    // The latent map is as high there as on a phone.
    if (!element.classList.contains("plot")) return { width: 680, height: 380 };
    if (element.closest(".plots") === null) return { width: 680 };
    return { width: element.closest(".plots.small") === null ? 330 : 215 };
  }

  function print(begins) {
    if (begins === printing || window.Plotly === undefined) return;
    printing = begins;
    for (const [element, [spec]] of drawn) {
      const size = begins ? sizeOnPaper(element) : {};
      window.Plotly.react(element, themed(spec.data), themed({ ...layoutOf(spec.layout), ...size }), CONFIG);
    }
  }

  // Light, dark, or as the system has it.
  function themes() {
    const button = document.getElementById("theme");
    const choices = ["", "light", "dark"];
    const names = { "": "Theme: system", light: "Theme: light", dark: "Theme: dark" };
    let chosen = "";
    try { chosen = localStorage.getItem("vaefit-theme") ?? ""; } catch { /* files may have no storage */ }
    const apply = () => {
      if (chosen) root.dataset.theme = chosen; else delete root.dataset.theme;
      if (button) button.textContent = names[chosen];
    };
    button?.addEventListener("click", () => {
      chosen = choices[(choices.indexOf(chosen) + 1) % choices.length];
      try { localStorage.setItem("vaefit-theme", chosen); } catch { /* as above */ }
      apply();
      redraw();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    apply();
  }

  themes();
  document.addEventListener("DOMContentLoaded", drawAll);
  window.addEventListener("beforeprint", () => print(true));
  window.addEventListener("afterprint", () => print(false));

  return { data, colour, themed, plotly, draw, near, onTheme: (tell) => changed.push(tell) };
})();
