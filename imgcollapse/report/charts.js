/* Scores over the generations: one small chart for each, with what is at hand on hover or focus. */

const CHART = { height: 150, left: 46, right: 10, top: 10, bottom: 20 };

class Chart {
  constructor(score, state) {
    this.score = score;
    this.state = state;
    this.svg = drawn("svg", { height: CHART.height, "aria-hidden": "true" });
    this.holder = element("div", { class: "plot", tabindex: "0", role: "img" }, this.svg);
    this.card = element(
      "figure",
      { class: "chart", "data-score": score.key },
      element("figcaption", {}, element("h3", {}, score.title), element("p", {}, score.says)),
      this.holder,
    );
    this.holder.addEventListener("pointermove", (event) => this.point(event));
    this.holder.addEventListener("pointerdown", (event) => this.point(event));
    this.holder.addEventListener("pointerleave", () => this.leave());
    this.holder.addEventListener("click", () => this.at !== null && state.goTo(this.at));
    this.holder.addEventListener("focus", () => this.tell(state.generation));
    this.holder.addEventListener("blur", () => this.leave());
    this.at = null;
    new ResizeObserver(() => this.draw()).observe(this.holder);
  }

  /* The rows that are shown of an arm: generation -> value, limits. */
  lines(arm) {
    const key = this.score.key;
    const chain = arm.chains.find((one) => one.seed === this.state.seed);
    return {
      mean: arm.means?.[key] ?? null,
      chain: chain?.scores[key] ?? null,
      starts: (chain ?? arm.chains[0]).starts,
      others: arm.means
        ? arm.chains.filter((one) => one !== chain).map((one) => one.scores[key] ?? [])
        : [],
    };
  }

  domain() {
    let [low, high] = [0, 0];
    for (const arm of data.arms) {
      const rows = arm.chains.flatMap((chain) => chain.scores[this.score.key] ?? []);
      for (const row of [...rows, ...(arm.means?.[this.score.key] ?? [])]) {
        if (!row) continue;
        low = Math.min(low, row[0], row[1] ?? row[0]);
        high = Math.max(high, row[0], row[2] ?? row[0]);
      }
    }
    return high > low ? [low, high] : [low, low + 1];
  }

  draw() {
    const width = this.holder.clientWidth;
    if (!width) return;
    this.width = width;
    const [low, high] = this.domain();
    const bottom = CHART.height - CHART.bottom;
    this.y = (value) => bottom - ((value - low) / (high - low)) * (bottom - CHART.top);
    const span = width - CHART.left - CHART.right;
    const steps = Math.max(1, data.last);
    this.x = (generation) => CHART.left + (data.last ? (generation / steps) * span : span / 2);
    this.svg.setAttribute("width", width);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${CHART.height}`);
    const parts = [];
    for (const tick of niceTicks(low, high, 4)) {
      const y = this.y(tick);
      const line = `M${CHART.left} ${y}H${width - CHART.right}`;
      const words = this.score.kind === "share" ? tickWords(tick) : plain(tick);
      parts.push(drawn("path", { class: tick ? "gridline" : "zero", d: line }));
      const place = { class: "tick", x: CHART.left - 6, y: y + 3.5, "text-anchor": "end" };
      parts.push(drawn("text", place, words));
    }
    for (const tick of niceTicks(0, data.last, Math.min(data.last, 6))) {
      if (Number.isInteger(tick)) {
        const place = { class: "tick", x: this.x(tick), y: CHART.height - 5 };
        parts.push(drawn("text", { ...place, "text-anchor": "middle" }, String(tick)));
      }
    }
    this.cursor = drawn("path", { class: "cursor" });
    parts.push(this.cursor, ...this.floors(width));
    data.arms.forEach((arm, index) => parts.push(...this.drawArm(arm, index)));
    this.svg.replaceChildren(...parts);
    this.mark();
  }

  /* A dashed line where real images are, one for each value. */
  floors(width) {
    const values = data.arms.map((arm) => {
      const { mean, chain } = this.lines(arm);
      return (mean ?? chain)?.[0]?.[0];
    });
    const apart = new Set(values.filter((one) => one !== undefined));
    return [...apart].map((value) => {
      const d = `M${CHART.left} ${this.y(value)}H${width - CHART.right}`;
      return drawn("path", { class: "floor", d });
    });
  }

  drawArm(arm, index) {
    const colour = `arm-${index % 8}`;
    const { mean, chain, starts, others } = this.lines(arm);
    const parts = others.map((rows) => this.line(rows, starts, `thin other ${colour}`));
    const main = mean ?? chain;
    if (mean && chain) parts.push(this.line(chain, starts, `thin ${colour}`));
    if (!main) return parts;
    parts.push(this.band(main, starts, colour), this.line(main, starts, `thick ${colour}`));
    this.points(main, starts).forEach(([x, y]) => {
      parts.push(drawn("circle", { class: `point ${colour}`, cx: x, cy: y, r: 2.4 }));
    });
    return parts;
  }

  points(rows, starts) {
    const found = rows.slice(1).map((row, own) => row && [this.x(starts + own), this.y(row[0])]);
    return found.filter(Boolean);
  }

  line(rows, starts, classes) {
    const points = this.points(rows, starts);
    const d = points.length ? `M${points.map((one) => one.join(" ")).join("L")}` : "";
    return drawn("path", { class: `line ${classes}`, d });
  }

  band(rows, starts, colour) {
    const held = rows.slice(1).map((row, own) => row && row[1] !== null && [own, row]);
    const whole = held.filter(Boolean);
    const high = whole.map(([own, row]) => `${this.x(starts + own)} ${this.y(row[2])}`);
    const low = whole.map(([own, row]) => `${this.x(starts + own)} ${this.y(row[1])}`).reverse();
    if (whole.length === 1) {
      return drawn("path", { class: `bar-of-one ${colour}`, d: `M${high[0]}L${low[0]}` });
    }
    const d = whole.length ? `M${[...high, ...low].join("L")}Z` : "";
    return drawn("path", { class: `band ${colour}`, d });
  }

  mark() {
    if (!this.x) return;
    const x = this.x(this.at ?? this.state.generation);
    this.cursor.setAttribute("d", `M${x} ${CHART.top - 4}V${CHART.height - CHART.bottom}`);
    const told = this.values(this.state.generation).map(([name, words]) => `${name} ${words}`);
    const what = `${this.score.title}, generation ${this.state.generation}: ${told.join("; ")}`;
    this.holder.setAttribute("aria-label", what);
    if (document.activeElement === this.holder) this.tell(this.state.generation);
  }

  /* Each arm's name, words and colour in a generation; the floor last. */
  values(generation) {
    const kind = this.score.kind;
    const found = [];
    let floor = null;
    data.arms.forEach((arm, index) => {
      const { mean, chain, starts } = this.lines(arm);
      const name = data.arms.length > 1 ? arm.name : mean ? "mean" : "";
      const row = mean?.[generation + 1];
      const own = chain?.[generation - starts + 1];
      if (row) found.push([name, withLimits(row, kind), `arm-${index % 8}`]);
      if (own && generation >= starts) {
        const seed = mean ? `${name}, seed ${this.state.seed}` : name;
        found.push([seed, withLimits(own, kind), `arm-${index % 8}`]);
      }
      floor = floor ?? (mean ?? chain)?.[0];
    });
    if (floor) found.push(["real images", withLimits(floor, kind), "floor"]);
    return found;
  }

  point(event) {
    const inside = event.clientX - this.svg.getBoundingClientRect().left - CHART.left;
    const span = this.width - CHART.left - CHART.right;
    const place = Math.round((inside / span) * data.last);
    this.at = Math.max(0, Math.min(data.last, place));
    this.mark();
    this.tell(this.at, event);
  }

  tell(generation, event) {
    if (!this.x) return;
    const box = this.svg.getBoundingClientRect();
    const lines = [element("strong", {}, `${this.score.title}, generation ${generation}`)];
    for (const [name, words, colour] of this.values(generation)) {
      const dot = element("i", { class: `dot ${colour}` });
      lines.push(element("span", {}, dot, `${name} `, element("b", {}, words)));
    }
    const x = event ? event.clientX : box.left + this.x(generation);
    tooltip.show(lines, x, event ? event.clientY : box.top + CHART.top);
  }

  leave() {
    this.at = null;
    this.mark();
    if (document.activeElement !== this.holder) tooltip.hide();
  }
}

function plain(value) {
  return Number(value.toPrecision(6)).toLocaleString("en-US").replace("-", "−");
}
