"use strict";
(() => {
  const STEP = 25;
  const BARS = new Set(["effect"]);

  const element = (tag, properties = {}, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  };

  const readable = (value) => {
    if (value === null) return "";
    if (typeof value === "boolean") return value ? "yes" : "no";
    if (typeof value !== "number") return String(value);
    if (Number.isInteger(value)) return String(value);
    const size = Math.abs(value);
    const text = size < 1e-3 || size >= 1e6 ? value.toExponential(2) : value.toPrecision(3);
    return text.replace("-", "\u2212");
  };

  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  };

  const sorted = (rows, column, descending) =>
    [...rows].sort((a, b) => {
      const [x, y] = [a[column], b[column]];
      if (x === null || y === null) return (x === null) - (y === null);
      return descending ? compare(y, x) : compare(x, y);
    });

  const bar = (value, largest) => {
    const part = element("i", { className: value < 0 ? "negative" : "" });
    part.style.width = `${(50 * Math.abs(value)) / largest}%`;
    const holder = element("span", { className: "bar" }, part);
    holder.setAttribute("aria-hidden", "true");
    return holder;
  };

  function features(box) {
    const { columns, numeric, rows } = JSON.parse(box.querySelector("script").textContent);
    const name = box.dataset.name;
    const significant = columns.indexOf("significant");
    const texts = rows.map((row) => String(row[0]).toLowerCase());
    const order = new Map(rows.map((row, i) => [row, i]));
    const largest = columns.map((column, i) =>
      BARS.has(column) ? rows.reduce((most, row) => Math.max(most, Math.abs(row[i] ?? 0)), 0) : 0);
    const state = { column: -1, descending: false, shown: STEP };

    const search = element("input", { type: "search", autocomplete: "off" });
    const only = element("input", { type: "checkbox" });
    const count = element("output");
    count.setAttribute("aria-live", "polite");
    const controls = element("div", { className: "controls" },
      element("label", {}, "Search ", search));
    if (significant >= 0) controls.append(element("label", {}, only, " significant only"));
    controls.append(count);

    const heads = columns.map((column, i) => {
      const head = element("th", { scope: "col", className: numeric[i] ? "number" : "" },
        element("button", { type: "button", textContent: column }));
      head.setAttribute("aria-sort", "none");
      head.firstChild.addEventListener("click", () => {
        state.descending = state.column === i ? !state.descending : numeric[i];
        state.column = i;
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
        draw();
      });
      return head;
    });
    const body = element("tbody");
    const table = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body);
    const scroll = element("div", { className: "scroll", tabIndex: 0 }, table);
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", name);
    const more = element("button", { type: "button", className: "more" });
    more.addEventListener("click", () => { state.shown += 10 * STEP; draw(); });

    const cell = (value, i) => {
      const node = element("td", { className: numeric[i] ? "number" : "", textContent: readable(value) });
      if (numeric[i] && value !== null) node.title = String(value);
      if (largest[i] > 0 && value !== null) node.append(bar(value, largest[i]));
      return node;
    };

    function draw() {
      const wanted = search.value.trim().toLowerCase();
      let chosen = rows.filter((row) =>
        (!only.checked || row[significant] === true) && texts[order.get(row)].includes(wanted));
      if (state.column >= 0) chosen = sorted(chosen, state.column, state.descending);
      const visible = chosen.slice(0, state.shown);
      body.replaceChildren(...visible.map((row) => element("tr", {}, ...row.map(cell))));
      count.textContent = `${chosen.length} of ${rows.length} rows`;
      more.hidden = visible.length === chosen.length;
      more.textContent = `Show more (${visible.length} of ${chosen.length})`;
    }

    const restart = () => { state.shown = STEP; draw(); };
    search.addEventListener("input", restart);
    only.addEventListener("change", restart);
    box.append(controls, scroll, more);
    const effect = columns.indexOf("effect");
    if (effect >= 0) heads[effect].firstChild.click(); // largest first
    else draw();
  }

  document.querySelectorAll(".features").forEach(features);

  const dialog = document.getElementById("enlarged");
  document.querySelectorAll(".enlarge").forEach((button) => {
    button.addEventListener("click", () => {
      const image = button.querySelector("img");
      Object.assign(dialog.querySelector("img"), { src: image.src, alt: image.alt });
      dialog.showModal();
    });
  });

  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((part) => { part.open = true; });
  });
})();
