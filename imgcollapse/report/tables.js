/* The tables of the generation that is shown. */

function cell(row, kind, mark) {
  if (!row) return element("td", { class: "none" }, "–");
  const between = limits(row[1], row[2], kind);
  const made = element("td", {}, element("b", {}, worded(row[0], kind) + mark));
  if (between) made.append(" ", element("small", {}, between));
  return made;
}

function region(name, table) {
  const around = { class: "scroll", role: "region", "aria-label": name, tabindex: "0" };
  return element("div", around, table);
}

function headed(columns) {
  const cells = columns.map((words) => element("th", { scope: "col" }, words));
  return element("thead", {}, element("tr", {}, ...cells));
}

/* What the columns of a table of scores hold: real images, then means and chains of each arm. */
function scoreColumns(state) {
  const columns = [];
  for (const arm of data.arms) {
    const chain = arm.chains.find((one) => one.seed === state.seed);
    const several = data.arms.length > 1;
    const of = several ? `${arm.name}: ` : "";
    const place = chain ? placeOf(chain, state.generation) : null;
    const fit = place === null ? null : chain.scores["share_fit"]?.[place + 1];
    const misfit = Boolean(fit && fit[0] > 1);
    columns.push({
      title: `${of}real images`,
      row: (key) => (arm.means?.[key] ?? chain?.scores[key])?.[0],
      misfit: false,
    });
    if (arm.means) {
      const row = (key) => arm.means[key]?.[state.generation + 1];
      columns.push({ title: `${of}mean over chains`, row, misfit });
    }
    columns.push({
      title: arm.means || !several ? `${of}seed ${state.seed}` : arm.name,
      row: (key) => (place === null ? null : chain.scores[key]?.[place + 1]),
      misfit,
    });
  }
  return withoutTwins(columns);
}

/* Real images once, where they are the same for every arm. */
function withoutTwins(columns) {
  const real = columns.filter((one) => one.title.endsWith("real images"));
  const says = (column) => JSON.stringify(data.scores.map(({ key }) => column.row(key) ?? null));
  if (new Set(real.map(says)).size > 1) return columns;
  real[0].title = "real images";
  return columns.filter((one) => one === real[0] || !real.includes(one));
}

function scoreTable(scores, columns, name) {
  const rows = scores.map((score) => {
    const title = score.named ? score.title : element("code", {}, score.title);
    const cells = columns.map((column) => {
      const mark = score.corrected && column.misfit ? "*" : "";
      return cell(column.row(score.key), score.kind, mark);
    });
    return element("tr", {}, element("th", { scope: "row" }, title), ...cells);
  });
  const head = headed(["score", ...columns.map((one) => one.title)]);
  return region(name, element("table", {}, head, element("tbody", {}, ...rows)));
}

function showScores(state) {
  const columns = scoreColumns(state);
  const named = data.scores.filter((one) => one.named);
  const others = data.scores.filter((one) => !one.named);
  const scores = document.getElementById("scores");
  scores.replaceChildren(scoreTable(named, columns, "Scores"));
  document.getElementById("others").replaceChildren(scoreTable(others, columns, "Other scores"));
  document.getElementById("flag").hidden = !columns.some((one) => one.misfit);
  for (const id of ["table-generation", "shares-generation"]) {
    document.getElementById(id).textContent = `in generation ${state.generation}`;
  }
}

function showShares(state) {
  const shown = data.arms.flatMap((arm) => {
    const chain = arm.chains.find((one) => one.seed === state.seed);
    const place = chain ? placeOf(chain, state.generation) : null;
    if (place === null) return [];
    const chance = chain.chance[place + 1];
    const rows = chain.classes.map(([name, colour, count, began], index) => {
      const swatch = drawn("svg", { class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true" });
      swatch.append(drawn("rect", { width: 10, height: 10, fill: colour }));
      const cells = [
        element("td", {}, element("b", {}, percent(began)), " ", element("small", {}, count.toLocaleString("en-US"))),
        cell(chain.shares[place + 1][index], "share", ""),
      ];
      if (chance) {
        const between = limits(chance[index][1], chance[index][2], "share");
        cells.push(element("td", {}, element("small", {}, between)));
      }
      return element("tr", {}, element("th", { scope: "row" }, swatch, " ", name), ...cells);
    });
    const reject = [element("td", { class: "none" }, "–"), cell(chain.scores.reject[place + 1], "share", "")];
    if (chance) reject.push(element("td", { class: "none" }, "–"));
    rows.push(element("tr", {}, element("th", { scope: "row" }, data.reject.name), ...reject));
    const head = headed(["class", "began with", "share", ...(chance ? ["chance alone"] : [])]);
    const table = element("table", {}, head, element("tbody", {}, ...rows));
    if (data.arms.length > 1) table.prepend(element("caption", {}, `${arm.name}, seed ${state.seed}`));
    return [region(`Shares of ${arm.name}`, table)];
  });
  document.getElementById("shares").replaceChildren(...shown);
}
