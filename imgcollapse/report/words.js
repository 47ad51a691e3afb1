/* Numbers in words, and elements from names. */

const data = JSON.parse(document.getElementById("data").textContent);
const FLOOR = -1;

function percent(share) {
  if (share < 0) return "−" + percent(-share);
  if (share < 5e-5) return share > 0 ? "<0.01 %" : "0 %";
  const digits = share >= 0.0995 ? 0 : share >= 0.00995 ? 1 : 2;
  return (100 * share).toFixed(digits) + " %";
}

function number(value) {
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  const text = size.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return value < 0 && Number(text.replaceAll(",", "")) ? "−" + text : text;
}

function worded(value, kind) {
  if (kind === "share") return percent(value);
  return kind === "count" ? value.toFixed(0) : number(value);
}

function limits(low, high, kind) {
  return low === null || high === null ? "" : `${worded(low, kind)} to ${worded(high, kind)}`;
}

function withLimits(row, kind) {
  const between = limits(row[1], row[2], kind);
  return worded(row[0], kind) + (between ? ` (${between})` : "");
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function niceTicks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((times) => times * power).find((one) => one >= rough * 0.999);
  const ticks = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place += 1) {
    ticks.push(place * step);
  }
  return ticks;
}

/* The committed generation of a chain that a generation of the page shows, or null. */
function placeOf(chain, generation) {
  const own = generation - chain.starts;
  return own >= 0 && own < chain.tiles.length ? own : null;
}

const tooltip = {
  box: document.getElementById("tooltip"),
  show(lines, x, y) {
    this.box.replaceChildren(...lines);
    this.box.hidden = false;
    const { width, height } = this.box.getBoundingClientRect();
    const widest = document.documentElement.clientWidth;
    const left = Math.max(8, Math.min(x + 14, widest - width - 8));
    const above = y - height - 12;
    this.box.style.left = `${left + window.scrollX}px`;
    this.box.style.top = `${(above > 60 ? above : y + 18) + window.scrollY}px`;
  },
  hide() {
    this.box.hidden = true;
  },
};
