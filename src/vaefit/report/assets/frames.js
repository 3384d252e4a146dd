// A decoder too large for a page, in frames computed beforehand: each latent by itself, the others at the prior's
// mean. No DOM.
"use strict";

(function () {
  function bytes(text) {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  }

  // Values (latents, frames, size) as they are, or in 255 steps from low to high.
  function values(stored) {
    if (stored === null) return null;
    const raw = bytes(stored.values);
    if (stored.high === null) return new Float32Array(raw.buffer);
    const scale = (stored.high - stored.low) / 255;
    return Float32Array.from(raw, (level) => stored.low + level * scale);
  }

  function VaefitFrames(payload) {
    const { latents, at, centre } = payload.frames;
    const kept = ["mean", "sd", "chances"].map((name) => [name, values(payload.frames[name])]);

    // Between the two nearest frames.
    function between(all, place, x) {
      if (all === null) return null;
      const size = all.length / (latents.length * at.length);
      const where = Math.min(at.length - 1, Math.max(0, ((x - at[0]) / (at[at.length - 1] - at[0])) * (at.length - 1)));
      const below = Math.min(Math.floor(where), at.length - 2), share = where - below;
      const first = (place * at.length + below) * size, found = new Float32Array(size);
      for (let i = 0; i < size; i++) found[i] = (1 - share) * all[first + i] + share * all[first + size + i];
      return found;
    }

    function decode(z) {
      const moved = latents.findIndex((k) => z[k] !== centre[k]);
      const place = Math.max(0, moved);
      return Object.fromEntries(kept.map(([name, all]) => [name, between(all, place, z[latents[place]] - centre[latents[place]])]));
    }
    return { latentDim: centre.length, single: true, decode };
  }

  globalThis.VaefitFrames = VaefitFrames;
  if (typeof module !== "undefined") module.exports = VaefitFrames;
})();
