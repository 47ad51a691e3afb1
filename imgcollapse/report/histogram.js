/* Class shares of one generation as bars, with what they began with and what chance would do. */

const ROW = { few: 30, most: 22, many: 15, fewClasses: 12, manyClasses: 24, roomy: 420 };

class Histogram {
  constructor(holder, domain) {
    this.holder = holder;
    this.domain = domain;
    this.chain = null;
    holder.addEventListener("pointermove", (event) => this.point(event));
    holder.addEventListener("pointerleave", () => tooltip.hide());
    new ResizeObserver(() => this.redraw()).observe(holder);
  }

  show(chain, generation, log) {
    const same = this.chain === chain && this.log === log;
    Object.assign(this, { chain, generation, log });
    this.holder.hidden = !chain || placeOf(chain, generation) === null;
    if (this.holder.hidden) return;
    if (!same) this.build();
    this.update();
  }

  redraw() {
    if (this.holder.hidden || !this.chain || this.width === this.holder.clientWidth) return;
    this.build();
    this.update();
  }

  /* Everything that does not move with the generation. */
  build() {
    const { chain, holder } = this;
    this.width = holder.clientWidth || 320;
    const count = chain.classes.length;
    const roomy = this.width > ROW.roomy && count <= ROW.fewClasses;
    this.row = roomy ? ROW.few : count > ROW.manyClasses ? ROW.many : ROW.most;
    const names = Math.min(132, Math.round(this.width * 0.34));
    this.left = names + 8;
    this.right = this.width - 46;
    const axis = 18;
    const gap = 8;
    const rows = chain.classes.length + 1;
    const height = axis + rows * this.row + gap + 4;
    this.svg = drawn("svg", { width: this.width, height, viewBox: `0 0 ${this.width} ${height}` });
    const pattern = drawn("pattern", {
      id: `hatch-${holder.parentElement.parentElement.dataset.arm}`,
      width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)",
    });
    pattern.append(
      drawn("rect", { width: 6, height: 6, fill: data.reject.colour }),
      drawn("rect", { width: 1.6, height: 6, fill: "#ffffff" }),
    );
    this.svg.append(drawn("defs", {}, pattern));
    for (const tick of this.ticks()) {
      const x = this.x(tick);
      this.svg.append(drawn("path", { d: `M${x} ${axis - 3}V${height}`, class: "gridline" }));
      this.svg.append(
        drawn("text", { x, y: axis - 7, class: "tick", "text-anchor": "middle" }, tickWords(tick)),
      );
    }
    const all = [...chain.classes, [data.reject.name, `url(#${pattern.id})`, null, null]];
    this.rows = all.map(([name, colour, , began], place) => {
      const rejected = place === chain.classes.length;
      const top = axis + place * this.row + (rejected ? gap : 0);
      const middle = top + this.row / 2;
      const parts = {
        chance: drawn("rect", { class: "chance", y: top + 1, height: this.row - 2 }),
        bar: drawn("rect", { class: "bar", x: this.left, y: top + 3, height: this.row - 6 }),
        whisker: drawn("path", { class: "whisker" }),
        value: drawn("text", { class: "value", y: middle, x: this.width, "text-anchor": "end" }),
        top,
        middle,
      };
      parts.bar.setAttribute("fill", colour);
      const label = drawn("text", { class: "name", x: names, y: middle, "text-anchor": "end" }, name);
      this.svg.append(parts.chance, parts.bar);
      if (began !== null) {
        const x = this.x(began);
        const d = `M${x} ${top + 1}V${top + this.row - 1}`;
        this.svg.append(drawn("path", { class: "began", d }));
      }
      this.svg.append(parts.whisker, label, parts.value);
      return { ...parts, label, name };
    });
    holder.replaceChildren(this.svg);
    for (const row of this.rows) shortened(row.label, row.name, names);
  }

  /* What the generation moves. */
  update() {
    const place = placeOf(this.chain, this.generation);
    const told = [];
    this.rows.forEach((row, index) => {
      const [value, low, high] = this.share(place, index);
      row.bar.setAttribute("width", Math.max(0, this.x(value) - this.left));
      const ends = low === null ? "" : `M${this.x(low)} ${row.middle}H${this.x(high)}`;
      row.whisker.setAttribute("d", ends);
      row.value.textContent = percent(value);
      const chance = this.chance(place, index);
      row.chance.toggleAttribute("hidden", !chance);
      if (chance) {
        row.chance.setAttribute("x", this.x(chance[1]));
        row.chance.setAttribute("width", Math.max(1, this.x(chance[2]) - this.x(chance[1])));
      }
      told.push(`${row.name} ${percent(value)}`);
    });
    const what = `Shares of generation ${this.generation}: ${told.join(", ")}`;
    this.holder.setAttribute("aria-label", what);
    this.holder.dataset.generation = this.generation;
  }

  share(place, index) {
    if (index < this.chain.classes.length) return this.chain.shares[place + 1][index];
    return this.chain.scores.reject[place + 1];
  }

  chance(place, index) {
    const rows = this.chain.chance[place + 1];
    return rows && index < this.chain.classes.length ? rows[index] : null;
  }

  x(share) {
    const { least, most } = this.domain;
    const span = this.right - this.left;
    if (!this.log) return this.left + (share / most) * span;
    const part = Math.log(Math.max(share, least) / least) / Math.log(most / least);
    return this.left + part * span;
  }

  ticks() {
    const { least, most } = this.domain;
    if (!this.log) return niceTicks(0, most, this.width < 360 ? 2 : 4);
    const powers = [1, 0.1, 0.01, 0.001, 1e-4, 1e-5, 1e-6];
    return powers.filter((one) => one >= least && one <= most * 1.001).reverse();
  }

  point(event) {
    const y = event.clientY - this.svg.getBoundingClientRect().top;
    const index = this.rows.findIndex((row) => y >= row.top && y < row.top + this.row);
    if (index < 0) return tooltip.hide();
    const place = placeOf(this.chain, this.generation);
    const [value, low, high] = this.share(place, index);
    const lines = [
      element("strong", {}, this.rows[index].name),
      element("span", {}, withLimits([value, low, high], "share")),
    ];
    if (index < this.chain.classes.length) {
      const [, , count, began] = this.chain.classes[index];
      const images = count === 1 ? "image" : "images";
      lines.push(element("span", {}, `began with ${percent(began)}, ${count} ${images}`));
    }
    const chance = this.chance(place, index);
    if (chance) {
      const between = limits(chance[1], chance[2], "share");
      lines.push(element("span", {}, `chance alone ${between}`));
    }
    tooltip.show(lines, event.clientX, event.clientY);
    return undefined;
  }
}

function tickWords(share) {
  return share >= 0.01 || share === 0 ? `${Math.round(share * 1e4) / 100} %` : percent(share);
}

/* A name that is too long for its place ends in an ellipsis, and is told whole on hover. */
function shortened(label, name, widest) {
  let kept = name.length;
  while (kept > 1 && label.getComputedTextLength() > widest - 2) {
    kept -= 1;
    label.textContent = `${name.slice(0, kept)}…`;
  }
  if (kept < name.length) label.append(drawn("title", {}, name));
}

/* The largest share of all chains, and the least that a log axis shows: half an image. */
function shareDomain() {
  let most = 0;
  let n = 1;
  for (const chain of data.arms.flatMap((arm) => arm.chains)) {
    for (const row of chain.scores.reject) {
      if (row) {
        most = Math.max(most, row[0], row[2] ?? 0);
        n = Math.max(n, row[3]);
      }
    }
    for (const rows of [...chain.shares, ...chain.chance]) {
      for (const row of rows ?? []) most = Math.max(most, row[0], row[2] ?? 0);
    }
    for (const [, , , began] of chain.classes) most = Math.max(most, began);
  }
  return { most, least: Math.min(0.5 / n, 0.005) };
}
