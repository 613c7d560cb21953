"use strict";
(() => {
  const FIRST = 25; // rows shown at first
  const STEP = 100; // rows added at a time
  const ALL = 2000; // rows that a browser lays out at once without a wait
  const DIGITS = 3;
  const EFFECT = "effect"; // the column with a bar beside each number, whose largest values come first

  const element = (tag, properties = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name.includes("-") || name === "role") node.setAttribute(name, value);
      else node[name] = value;
    }
    node.append(...children);
    return node;
  };

  const toNumber = (text) => {
    if (text === "") return NaN;
    const infinite = /^([+-]?)inf$/i.exec(text);
    return infinite ? (infinite[1] === "-" ? -Infinity : Infinity) : Number(text);
  };

  // The same rule as the page's other numbers: so many digits, powers of ten only below 0.001 and from a million.
  const readable = (text) => {
    const value = toNumber(text);
    const size = Math.abs(value);
    let shown = text;
    if (text === "") return "";
    if (Number.isNaN(value)) return "NaN";
    if (size === Infinity) shown = value < 0 ? "-∞" : "∞";
    else if (!/^[+-]?\d+$/.test(text)) {
      const [, exponent] = value.toExponential(DIGITS - 1).split("e");
      if (Number.isInteger(value) && size < 1e6) shown = String(value);
      else if (size >= 1e-3 && size < 1e6) shown = value.toFixed(Math.max(0, DIGITS - 1 - exponent));
      else shown = value.toExponential(DIGITS - 1).replace(/e([+-])(\d)$/, (_, sign, digit) => `e${sign}0${digit}`);
    }
    return shown.replace(/^-/, "\u2212");
  };

  const collator = new Intl.Collator("en", { numeric: true });
  const keysOf = (cells, kind) => {
    if (kind === "number") return cells.map(toNumber);
    return kind === "flag" ? cells.map((cell) => (cell === "" ? NaN : Number(cell === "True"))) : cells;
  };

  // Row numbers in order; rows without a value come last both ways, equal ones as in the file.
  const sorted = (rows, keys, direction) => {
    if (typeof keys[0] === "string") return [...rows].sort((a, b) => direction * collator.compare(keys[a], keys[b]));
    return [...rows].sort((a, b) => {
      const [x, y] = [keys[a], keys[b]];
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
      return x === y ? 0 : direction * (x < y ? -1 : 1);
    });
  };

  const bar = (value, largest) => {
    const part = element("i", { className: value < 0 ? "negative" : "positive" });
    part.style.width = `${(50 * Math.abs(value)) / largest}%`;
    return element("span", { className: "bar", "aria-hidden": "true" }, part);
  };

  // A name that may be broken behind : and _ alone.
  const name = (text) => {
    const parts = text.split(/(?<=[:_])/);
    return parts.flatMap((part, i) => (i === 0 ? [part] : [element("wbr"), part]));
  };

  function features(box) {
    const { columns, kinds, cells } = JSON.parse(box.querySelector("script").textContent);
    const rows = cells[0].map((_, i) => i);
    const keys = cells.map((column, i) => keysOf(column, kinds[i]));
    const effect = kinds[columns.indexOf(EFFECT)] === "number" ? columns.indexOf(EFFECT) : -1;
    const largest = (keys[effect] ?? []).reduce((most, value) =>
      (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0);
    const texts = rows.map((row) =>
      cells.filter((_, i) => i === 0 || kinds[i] === "text").map((column) => column[row]).join("\n").toLowerCase());
    const significant = kinds[columns.indexOf("significant")] === "flag" ? columns.indexOf("significant") : -1;
    const first = columns.indexOf(box.dataset.sort);
    // By size at first, where a column is asked for: what is large and negative matters as much.
    const sizes = first < 0 ? [] : keys[first].map(Math.abs);
    const state = { column: first < 0 ? effect : first, direction: -1, bySize: first >= 0, shown: FIRST };

    const search = element("input", { type: "search", autocomplete: "off", spellcheck: false });
    const only = element("input", { type: "checkbox" });
    const count = element("output", { className: "count", role: "status" });
    const controls = element("div", { className: "controls" }, element("label", {}, "Search ", search));
    if (significant >= 0) controls.append(element("label", {}, only, " Significant only"));

    controls.append(count);

    const heads = columns.map((column, i) => {
      const button = element("button", { type: "button" }, ...name(column));
      button.addEventListener("click", () => sortBy(i));
      return element("th", { scope: "col", className: kinds[i] }, button);
    });
    const body = element("tbody");
    const table = element("table", {}, element("caption", { className: "unseen", textContent: box.dataset.name }),
      element("thead", {}, element("tr", {}, ...heads)), body);
    const scroll = element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": box.dataset.name },
      table);
    const more = element("button", { type: "button" });
    const all = element("button", { type: "button" });
    const buttons = element("p", { className: "more" }, more, all);

    // Up, down, as in the file.
    function sortBy(column) {
      state.bySize = false;
      if (state.column !== column) Object.assign(state, { column, direction: 1 });
      else if (state.direction > 0) state.direction = -1;
      else state.column = -1;
      draw();
    }

    const cell = (row, i) => {
      const text = cells[i][row];
      const shown = kinds[i] === "number" ? readable(text)
        : kinds[i] === "flag" ? { True: "yes", False: "no" }[text] ?? "" : text;
      const parts = kinds[i] === "text" ? name(shown) : [shown];
      const node = element(i === 0 ? "th" : "td", { className: kinds[i] }, ...parts);
      if (i === 0) node.scope = "row";
      if (kinds[i] === "number") node.title = text;
      if (kinds[i] === "flag") node.classList.add(shown || "none");
      if (i === effect && largest > 0) node.append(bar(Number.isFinite(keys[i][row]) ? keys[i][row] : 0, largest));
      return node;
    };

    function draw() {
      const wanted = search.value.trim().toLowerCase();
      let chosen = rows.filter((row) =>
        (!only.checked || cells[significant][row] === "True") && texts[row].includes(wanted));
      if (state.column >= 0) chosen = sorted(chosen, state.bySize ? sizes : keys[state.column], state.direction);
      const visible = chosen.slice(0, state.shown);
      heads.forEach((head, i) => head.setAttribute("aria-sort",
        i !== state.column ? "none" : state.direction > 0 ? "ascending" : "descending"));
      body.replaceChildren(...visible.map((row) => element("tr", {}, ...columns.map((_, i) => cell(row, i)))));
      if (chosen.length === 0) body.append(element("tr", {},
        element("td", { colSpan: columns.length, textContent: "No row matches." })));
      const found = chosen.length === rows.length ? "" : `${chosen.length} found, `;
      const part = visible.length === chosen.length ? "" : `, first ${visible.length} shown`;
      count.textContent = `${found}${rows.length} in all${part}`;
      buttons.hidden = visible.length === chosen.length;
      more.textContent = `Show ${Math.min(STEP, chosen.length - visible.length)} more`;
      all.hidden = chosen.length > ALL;
      all.textContent = `Show all ${chosen.length}`;
    }

    const show = (shown) => {
      state.shown = shown;
      draw();
      if (buttons.hidden) scroll.focus({ preventScroll: true });
    };
    const restart = () => { state.shown = FIRST; draw(); };
    more.addEventListener("click", () => show(state.shown + STEP));
    all.addEventListener("click", () => show(Infinity));
    search.addEventListener("input", restart);
    only.addEventListener("change", restart);
    box.append(controls, scroll, buttons);
    draw();
  }

  function enlarge() {
    const dialog = document.getElementById("enlarged");
    const image = dialog.querySelector("img");
    const actual = dialog.querySelector(".actual");
    const size = (pressed) => {
      actual.setAttribute("aria-pressed", String(pressed));
      dialog.classList.toggle("full", pressed);
    };
    actual.addEventListener("click", () => size(actual.getAttribute("aria-pressed") === "false"));
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    document.querySelectorAll(".enlarge").forEach((button) => {
      button.addEventListener("click", () => {
        const { src, alt, naturalWidth, naturalHeight } = button.querySelector("img");
        Object.assign(image, { src, alt, width: naturalWidth, height: naturalHeight });
        size(false);
        dialog.showModal();
      });
    });
  }

  // The entry of the contents whose section is at the top of the window.
  function follow() {
    const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
    const seen = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting)
      .forEach((entry) => {
        links.forEach((link) => link.removeAttribute("aria-current"));
        links.get(entry.target.id).setAttribute("aria-current", "location");
      }), { rootMargin: "-10% 0px -85%" });
    document.querySelectorAll("main > section").forEach((section) => seen.observe(section));
  }

  function print() {
    let closed = [];
    window.addEventListener("beforeprint", () => {
      closed = [...document.querySelectorAll("details:not([open])")];
      closed.forEach((part) => { part.open = true; });
    });
    window.addEventListener("afterprint", () => closed.forEach((part) => { part.open = false; }));
  }

  // spread.js: the attributions behind the features
  document.querySelectorAll(".features").forEach(features);
  enlarge();
  follow();
  print();
})();
