"use strict";
// The live decoder and the map, with the model itself behind them.
(() => {
  // One frame at a time is asked for; what comes back are float32 numbers, one part after the other.
  async function decode(z) {
    let answer;
    try {
      answer = await fetch("/api/decode", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ z: [Array.from(z)] }) });
    } catch {
      throw new Error("no answer from vaefit; was it closed in its terminal?");
    }
    if (!answer.ok) throw new Error((await answer.json()).error);
    const numbers = new Float32Array(await answer.arrayBuffer());
    let first = 0;
    const [mean, sd, chances] = answer.headers.get("X-Widths").split(",").map((text) => {
      const width = Number(text);
      first += width;
      return width ? numbers.subarray(first - width, first) : null;
    });
    return { mean, sd, chances };
  }

  const root = document.getElementById("live");
  if (root === null) return;
  const view = vaefit.data("live");
  const live = VaefitLive.mount(root, view, { latentDim: view.latents.length, decode });
  Object.assign(vaefit, { live, show: live.show });

  // A row that is chosen on the map can be looked at, too.
  const button = document.getElementById("look-chosen");
  const chosen = () => { const { from, to } = vaefit.map?.chosen() ?? {}; return to ?? from ?? null; };
  live.onChange(() => { if (button) button.disabled = chosen()?.row == null; });
  button?.addEventListener("click", () => {
    const { row, name } = chosen();
    document.getElementById("look").scrollIntoView();
    explorer.look(`/api/look/map/${row}`, { method: "POST" }, name);
  });

  document.addEventListener("vaefit:latents", (event) => live.show(event.detail, "row"));
})();
