// A number of a table's column as the table writes it: vaefit/data/tables/coding.py in JavaScript. No DOM.
"use strict";

(function () {
  const DAY = 86_400_000; // milliseconds
  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

  const clip = (x, low, high) => Math.min(Math.max(x, low), high);

  function roundedTo(x, decimals) {
    const factor = 10 ** decimals;
    return Math.abs(x) * factor < 2 ** 53 ? Math.round(x * factor) / factor : x;
  }

  // The nearest value that the column can have.
  function intoSupport(value, column) {
    if (column.levels) return clip(Math.round(value), 0, column.levels.length - 1);
    let x = column.decimals === null ? value : roundedTo(value, column.decimals);
    if (column.step && column.type !== "date") x = column.low + Math.round((x - column.low) / column.step) * column.step;
    if (column.type === "positive") {
      const least = column.step || (column.decimals === null ? column.low : 10 ** -column.decimals);
      return Math.max(x, Math.min(least, column.low));
    }
    if (column.type === "count") return Math.max(x, 0);
    return column.type === "proportion" ? clip(x, 0, 1) : x;
  }

  const two = (n) => String(n).padStart(2, "0");

  // The finest a date of this form tells, in milliseconds.
  function fineness(form) {
    if (!form.includes("%H")) return DAY;
    return form.includes("%.f") ? 1 : form.includes("%S") ? 1000 : 60_000;
  }

  function day(value, form) {
    const unit = fineness(form);
    const at = new Date(Math.round((clip(value, -719162, 2932896) * DAY) / unit) * unit);
    const parts = {
      "%Y": String(at.getUTCFullYear()).padStart(4, "0"), "%m": two(at.getUTCMonth() + 1), "%d": two(at.getUTCDate()),
      "%b": MONTHS[at.getUTCMonth()], "%H": two(at.getUTCHours()), "%M": two(at.getUTCMinutes()),
      "%S": two(at.getUTCSeconds()), "%.f": `.${String(at.getUTCMilliseconds()).padStart(3, "0")}`,
    };
    return form.replace(/%(\.f|[YmdbHMS])/g, (token) => parts[token]);
  }

  function number(value, { decimals, trim, convention }) {
    if (decimals === null) return mark(String(Number(value.toPrecision(6))), convention);
    let text = value.toFixed(decimals);
    if (convention === "grouped") text = text.replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ",");
    if (trim && decimals) text = text.replace(/0+$/, "").replace(/\.$/, "");
    if (!/[1-9]/.test(text)) text = text.replace("-", "");
    return mark(text, convention);
  }

  const mark = (text, convention) => (convention === "comma" ? text.replace(".", ",") : text);

  function write(value, column) {
    const x = intoSupport(value, column);
    if (column.levels) return column.levels[x];
    return column.type === "date" ? day(x, column.form) : number(x, column);
  }

  // How far values are from one another, in the column's own units; days of dates.
  function writeSpread(sd, column) {
    if (column.type === "date") return `${number(sd, { decimals: sd < 10 ? 1 : 0, trim: false })} days`;
    return mark(String(Number(sd.toPrecision(3))), column.convention);
  }

  const VaefitCells = { write, writeSpread };
  globalThis.VaefitCells = VaefitCells;
  if (typeof module !== "undefined") module.exports = VaefitCells;
})();
