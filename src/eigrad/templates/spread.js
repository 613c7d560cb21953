  const SETS = ["class", "reference", "null"];
  const PERCENTS = 5; // quantiles of every set: 5, 25, 50, 75, 95 %
  const FEW = 5; // samples named of every set

  const drawn = (tag, attributes, ...children) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const line = (className, [x1, y1], [x2, y2]) => drawn("line", { class: className, x1, y1, x2, y2 });
  const rounded = (value) => readable(String(value));

  // A value's place between the least and the largest, zero among them, in percent of the width.
  const scale = (values) => {
    const [low, high] = values.reduce(([least, most], value) =>
      [Math.min(least, value), Math.max(most, value)], [0, 0]);
    const place = (value) => `${(2 + (96 * (value - low)) / (high - low || 1)).toFixed(2)}%`;
    return { low, high, place };
  };

  // Three boxes, one under the other: 5 to 95 % a line, 25 to 75 % a box, 50 % a stroke.
  const boxes = (columns, row, { place }) => {
    const words = SETS.map((of, i) => `${of} median ${rounded(columns[PERCENTS * i + 2][row])}`).join(", ");
    const parts = SETS.flatMap((of, i) => {
      const [p5, p25, p50, p75, p95] = columns.slice(PERCENTS * i, PERCENTS * (i + 1)).map((column) => place(column[row]));
      const y = 6 + 12 * i;
      const width = `${Math.max(0.5, parseFloat(p75) - parseFloat(p25))}%`;
      return [line("whisker", [p5, y], [p95, y]), drawn("rect", { class: `of-${of}`, x: p25, y: y - 4, width, height: 8 }),
        line("median", [p50, y - 5], [p50, y + 5])];
    });
    const picture = drawn("svg", { role: "img", "aria-label": words },
      line("zero", [place(0), 0], [place(0), 36]), ...parts);
    return element("td", { className: "spread", title: words }, picture);
  };

  // A dot a sample, set under set; those of one value stand apart, each at a height of its own.
  const strips = (feature, at, sets) => {
    const { low, high, place } = scale(SETS.flatMap((of) => sets[of].values[at]));
    const parts = SETS.flatMap((of, i) => {
      const top = 60 * i;
      const dots = sets[of].values[at].map((value, j) => drawn("circle",
        { class: `of-${of}`, cx: place(value), cy: (top + 22 + 34 * ((0.5 + j * 0.618034) % 1)).toFixed(1), r: 2.75 },
        drawn("title", {}, `${of} ${sets[of].numbers[j]}: ${rounded(value)}`)));
      return [drawn("text", { x: "2%", y: top + 14 }, `${of} (${sets[of].numbers.length})`), ...dots];
    });
    const ticks = [[low, "start"], [0, "middle"], [high, "end"]].filter(([value], i) =>
      i !== 1 || Math.min(value - low, high - value) > 0.25 * (high - low));
    const words = `Attributions of ${feature} from ${rounded(low)} to ${rounded(high)}`;
    return drawn("svg", { role: "img", "aria-label": words },
      line("zero", [place(0), 18], [place(0), 186]), ...parts,
      ...ticks.map(([value, anchor]) => drawn("text",
        { class: "tick", x: place(value), y: 206, "text-anchor": anchor }, rounded(value))));
  };

  const largestOf = (of, at, { numbers, values }) => {
    const order = numbers.map((_, j) => j).sort((a, b) => Math.abs(values[at][b]) - Math.abs(values[at][a]));
    const named = order.slice(0, FEW).map((j) => `${numbers[j]} (${rounded(values[at][j])})`).join(", ");
    return element("p", { className: "largest", textContent: `Largest of ${of}, sample (attribution): ${named}` });
  };

  // The rows that are drawn get a column of boxes, and names that open the samples below.
  function spread(box, { distributions, samples }) {
    const [first] = JSON.parse(box.querySelector("script").textContent).cells;
    const rowOf = new Map(first.map((feature, row) => [feature, row]));
    const sampled = new Map((samples?.features ?? []).map((feature, at) => [feature, at]));
    const open = new Set();
    const common = distributions && scale(distributions.flat());
    const head = box.querySelector("thead tr");
    const body = box.querySelector("tbody");
    if (distributions) head.cells[0].after(element("th", { scope: "col", className: "spread" },
      ...SETS.flatMap((of) => [element("span", {}, element("i", { className: `key of-${of}` }), of), " "]),
      element("br"),
      `${rounded(common.low)} to ${rounded(common.high)}`));

    const detail = (feature, id) => {
      const at = sampled.get(feature);
      const content = element("div", {}, strips(feature, at, samples.sets),
        ...SETS.filter((of) => samples.sets[of].numbers.length > 0).map((of) => largestOf(of, at, samples.sets[of])));
      return element("tr", { className: "detail", id }, element("td", { colSpan: head.cells.length }, content));
    };

    const named = (row, feature) => {
      const id = `samples-${box.dataset.number}-${sampled.get(feature)}`;
      const button = element("button", { type: "button", "aria-expanded": "false" }, ...row.cells[0].childNodes);
      const toggle = (opened) => {
        button.setAttribute("aria-expanded", String(opened));
        if (opened) {
          button.setAttribute("aria-controls", id);
          row.after(detail(feature, id));
          open.add(feature);
        } else {
          button.removeAttribute("aria-controls");
          row.nextElementSibling.remove();
          open.delete(feature);
        }
      };
      button.addEventListener("click", () => toggle(!open.has(feature)));
      row.cells[0].append(button);
      if (open.has(feature)) toggle(true);
    };

    const dress = (row) => {
      const feature = row.cells[0].title || row.cells[0].textContent;
      if (row.cells[0].tagName === "TD") row.cells[0].colSpan = head.cells.length; // no row matches
      else if (rowOf.has(feature)) {
        if (distributions) row.cells[0].after(boxes(distributions, rowOf.get(feature), common));
        if (sampled.has(feature)) named(row, feature);
      }
    };

    [...body.rows].forEach(dress);
    new MutationObserver((changes) => changes.flatMap((change) => [...change.addedNodes])
      .filter((row) => row.className !== "detail").forEach(dress)).observe(body, { childList: true });
  }

  async function unpack(script) {
    const bytes = Uint8Array.from(atob(script.textContent), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).text();
  }

  document.querySelectorAll(".packed").forEach(async (box, i) => {
    const scripts = box.querySelectorAll("script");
    if (!("DecompressionStream" in window)) {
      box.append(element("p", { textContent: "This table needs a browser of 2023 or later." }));
      return;
    }
    const [table, behind] = await Promise.all([...scripts].map(unpack));
    scripts[0].textContent = table;
    scripts[1].remove();
    box.dataset.number = i;
    features(box);
    box.classList.replace("packed", "features");
    spread(box, JSON.parse(behind));
  });

