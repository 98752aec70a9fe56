// Stacked bars by day. uPlot draws; sums for drawing are numbers, every figure that is read is the service's text.
import { brief, el } from "./page.js";

export const COLOURS = ["#2f7ed8", "#e07b39", "#3aa676", "#b65fcf", "#d4a017", "#d64550", "#4bb4c4", "#8a93a0"];
const SHOWN = COLOURS.length - 1;
const HEIGHT = 260;

/** The dearest names of a report, at most `SHOWN`, and whether others are left. */
export function layers(report) {
  const dearest = [...report.groups].sort((a, b) => Number(b.amount) - Number(a.amount));
  const names = dearest.slice(0, SHOWN).map((group) => group.name);
  return dearest.length > SHOWN ? [...names, null] : names;
}

/** What each layer comes to on each day. */
export function heights(report, names) {
  return names.map((name) => report.days.map((day) => day.lines
    .filter((line) => (name === null ? !names.includes(line.name) : line.name === name))
    .reduce((sum, line) => sum + Number(line.amount), 0)));
}

/** Draw `report` (costs split by something) into `place`. */
export function bars(place, report, label) {
  const names = layers(report);
  const cumulated = [];
  heights(report, names).forEach((layer, n) => cumulated.push(layer.map((value, day) => value + (n ? cumulated[n - 1][day] : 0))));
  const days = report.days.map((_, n) => n);
  const style = getComputedStyle(document.body);
  const axis = { stroke: style.getPropertyValue("--quiet"), grid: { stroke: style.getPropertyValue("--line"), width: 1 }, ticks: { show: false } };
  const every = Math.ceil(days.length / 8);
  const series = names.map((_, n) => ({ fill: COLOURS[n], stroke: COLOURS[n], width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.72, 60] }) }));
  const tip = el("div", { class: "tip", hidden: true });
  place.replaceChildren(tip);
  place.style.position = "relative";
  const chart = new uPlot({
    width: place.clientWidth, height: HEIGHT, cursor: { y: false, points: { show: false } }, legend: { show: false },
    scales: { x: { time: false, range: [-0.6, days.length - 0.4] }, y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.08 : 1] } },
    axes: [{ ...axis, grid: { show: false }, splits: () => days.filter((n) => n % every === 0), values: (_, at) => at.map((n) => report.days[n]?.day.slice(5)) }, { ...axis, size: 64 }],
    // The highest sums first, so that each lower layer is drawn over them.
    series: [{}, ...[...series].reverse()],
    hooks: { setCursor: [(u) => follow(u, tip, report, names)] },
  }, [days, ...[...cumulated].reverse()], place);
  new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", `${label}: ${report.days.length} days from ${report.from} to ${report.to}, total ${report.total} ${report.currency}. The table below has every figure.`);
  return el("ul", { class: "legend" }, ...names.map((name, n) => {
    const group = report.groups.find((each) => each.name === name);
    return el("li", {}, swatch(n), name === null ? "others" : name || "(none)", group ? el("span", { class: "quiet" }, ` ${brief(group.amount)}`) : null);
  }));
}

function swatch(n) {
  const mark = el("i", { "aria-hidden": "true" });
  mark.style.background = COLOURS[n];
  return mark;
}

function follow(chart, tip, report, names) {
  const day = report.days[chart.cursor.idx ?? -1];
  tip.hidden = !day || chart.cursor.left < 0;
  if (tip.hidden) return;
  const lines = [...day.lines].sort((a, b) => Number(b.amount) - Number(a.amount)).slice(0, 8);
  tip.replaceChildren(el("strong", {}, `${day.day}: ${day.amount} ${report.currency}`),
    ...lines.map((line) => el("div", {}, names.includes(line.name) ? swatch(names.indexOf(line.name)) : "", ` ${line.name || "(none)"} ${line.amount}`)));
  tip.style.left = `${Math.min(chart.cursor.left + 70, chart.width - 220)}px`;
  tip.style.top = "10px";
}
