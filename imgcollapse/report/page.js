/* One generation and one seed for the whole page: the slider, its keys, and what follows them. */

const STEP_MILLISECONDS = 900;
const FIRST_CHARTS = 9;
const slider = document.getElementById("generation");
const picker = document.getElementById("seed");
const logAxis = document.getElementById("log");
const play = document.getElementById("play");
const now = document.getElementById("now");
const panels = [...document.querySelectorAll(".arm")];
const domain = shareDomain();
const histograms = panels.map((one) => new Histogram(one.querySelector(".histogram"), domain));

const state = {
  generation: 0,
  seed: data.seeds[0],
  goTo(generation) {
    this.generation = Math.max(0, Math.min(data.last, generation));
    show();
  },
};

/* A score that only real images have is in the tables alone. */
function hasGenerations({ key }) {
  const chains = data.arms.flatMap((arm) => arm.chains);
  return chains.some((chain) => chain.scores[key].slice(1).some(Boolean));
}

const drawable = data.scores.filter((one) => one.named && hasGenerations(one));
const charts = drawable.map((score) => new Chart(score, state));

function show() {
  const { generation, seed } = state;
  slider.value = generation;
  now.textContent = `${generation} of ${data.last}`;
  slider.setAttribute("aria-valuetext", `generation ${generation} of ${data.last}`);
  panels.forEach((panel, index) => showPanel(panel, data.arms[index], histograms[index]));
  for (const chart of charts) chart.mark();
  showScores(state);
  showShares(state);
  document.documentElement.dataset.generation = generation;
  document.documentElement.dataset.seed = seed;
}

function showPanel(panel, arm, histogram) {
  const chain = arm.chains.find((one) => one.seed === state.seed);
  const place = chain ? placeOf(chain, state.generation) : null;
  for (const film of panel.querySelectorAll(".film")) {
    film.hidden = Number(film.dataset.seed) !== state.seed;
    for (const figure of film.children) {
      figure.hidden = Number(figure.dataset.generation) !== state.generation;
    }
  }
  const absent = panel.querySelector(".absent");
  absent.hidden = place !== null;
  absent.textContent = !chain
    ? `No chain of seed ${state.seed}.`
    : state.generation < chain.starts
      ? `Starts in generation ${chain.starts}.`
      : `Generation ${state.generation} is not committed.`;
  histogram.show(chain, state.generation, logAxis.checked);
  fitImages(panel);
}

/* Tiles as large as fits, in whole device pixels, so that each pixel of a sample is a square. */
function fitImages(panel) {
  const room = panel.querySelector(".film:not([hidden])");
  const image = room?.querySelector("figure:not([hidden]) img");
  if (!image) return;
  const ratio = window.devicePixelRatio || 1;
  const own = Number(image.getAttribute("width"));
  const times = Math.max(1, Math.floor((room.clientWidth * ratio) / own));
  image.style.width = own > room.clientWidth * ratio ? "100%" : `${(own * times) / ratio}px`;
}

/* The class of the tile that the pointer is on: tiles are sorted, so that counts tell it. */
function pointAtTile(event) {
  const image = event.target.closest(".film img");
  if (!image) {
    if (!event.target.closest(".histogram")) tooltip.hide();
    return;
  }
  const panel = image.closest(".arm");
  const chain = data.arms[panels.indexOf(panel)].chains.find((one) => one.seed === state.seed);
  const tiles = chain.tiles[placeOf(chain, state.generation)];
  const scale = image.clientWidth / tiles.width;
  const box = image.getBoundingClientRect();
  const column = Math.floor((event.clientX - box.left) / scale / tiles.step[0]);
  const row = Math.floor((event.clientY - box.top) / scale / tiles.step[1]);
  let left = row * tiles.columns + Math.min(column, tiles.columns - 1);
  const names = [...chain.classes.map((one) => one[0]), data.reject.name];
  const index = tiles.counts.findIndex((count) => (left -= count) < 0);
  if (index < 0) tooltip.hide();
  else tooltip.show([element("strong", {}, names[index])], event.clientX, event.clientY);
}

let timer = null;

function setPlaying(on) {
  clearInterval(timer);
  timer = on ? setInterval(advance, STEP_MILLISECONDS) : null;
  play.setAttribute("aria-pressed", String(on));
  play.setAttribute("aria-label", on ? "Pause" : "Play");
}

function advance() {
  if (state.generation >= data.last) setPlaying(false);
  else state.goTo(state.generation + 1);
}

play.addEventListener("click", () => {
  const start = timer === null;
  if (start && state.generation >= data.last) state.goTo(0);
  setPlaying(start);
});

slider.addEventListener("input", () => state.goTo(Number(slider.value)));

picker?.addEventListener("change", () => {
  state.seed = Number(picker.value);
  for (const chart of charts) chart.draw();
  show();
});

logAxis.addEventListener("change", show);

const KEYS = {
  ArrowLeft: () => state.goTo(state.generation - 1),
  ArrowRight: () => state.goTo(state.generation + 1),
  Home: () => state.goTo(0),
  End: () => state.goTo(data.last),
};

document.addEventListener("keydown", (event) => {
  const busy = event.target.closest("input, select, textarea, pre, .scroll");
  if (busy || event.altKey || event.ctrlKey || event.metaKey || !KEYS[event.key]) return;
  event.preventDefault();
  setPlaying(false);
  KEYS[event.key]();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") tooltip.hide();
});

for (const panel of panels) {
  panel.addEventListener("pointermove", pointAtTile);
  panel.addEventListener("pointerdown", pointAtTile);
  panel.querySelector(".beside").addEventListener("pointerleave", () => tooltip.hide());
}

async function copied(source) {
  const text = source.textContent;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const range = document.createRange();
    range.selectNodeContents(source);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy");
  }
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const words = button.textContent;
  button.addEventListener("click", async () => {
    const done = await copied(document.getElementById(button.dataset.copy));
    button.textContent = done ? "Copied" : "Selected: press Ctrl+C";
    document.getElementById("said").textContent = button.textContent;
    setTimeout(() => {
      button.textContent = words;
    }, 2000);
  });
}

let closed = [];
window.addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details[data-print]:not([open])")];
  for (const one of closed) one.open = true;
  for (const chart of charts) chart.draw();
});
window.addEventListener("afterprint", () => {
  for (const one of closed) one.open = false;
});
window.addEventListener("resize", () => panels.forEach(fitImages));

document.documentElement.classList.add("live");
const cards = charts.map((one) => one.card);
document.getElementById("charts").append(...cards.slice(0, FIRST_CHARTS));
document.getElementById("more-charts").append(...cards.slice(FIRST_CHARTS));
document.getElementById("more-charts").parentElement.hidden = cards.length <= FIRST_CHARTS;
show();
