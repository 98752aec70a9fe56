// The page of one account. Each card asks for itself: what is slow or away holds up nothing else.
import { bars } from "./charts.js";
import { ask, brief, byId, clock, el, fill, grouped, money, switcher, table } from "./page.js";

const page = document.querySelector("main").dataset;
const base = `/v1/accounts/${encodeURIComponent(page.account)}`;
// A provider of models alone has no resources to split by.
const shown = { days: "30", by: page.split };

/** In the unit that the provider shows: credits, where it sells them. */
function units(amount) {
  if (!page.unit) return null;
  const [whole, fraction = ""] = String(amount).split(".");
  const zeros = page.per.length - 1;
  const digits = `${whole}${fraction.padEnd(zeros, "0").slice(0, zeros)}`.replace(/^(-?)0+(?=\d)/, "$1");
  return /^10*$/.test(page.per) ? `${grouped(digits)} ${page.unit}s` : null;
}

function tile(name, value, ...more) {
  return el("div", { class: "tile" }, el("dt", {}, name), el("dd", {}, value, ...more.filter(Boolean).map((text) => el("small", {}, text))));
}

async function overview() {
  const [balance, outlook] = await Promise.all([ask(`${base}/balance`), ask(`${base}/projection`)]);
  const unit = balance.currency;
  const kind = balance.balance.startsWith("-") ? "bad" : "";
  return [
    tile("Balance", el("span", { class: kind, id: "balance" }, `${grouped(balance.balance)} ${unit}`), units(balance.balance), parts(balance)),
    tile("Runway", outlook.runway_hours === null ? "–" : `${grouped(outlook.runway_hours)} h`, outlook.runway_hours === null ? "nothing is spent now" : "at the present burn"),
    tile("Burn", money(outlook.burn_per_hour, `${unit}/h`), `${outlook.running.length} running`),
    tile(`Spent in ${outlook.month}`, el("span", { id: "spent" }, `${grouped(outlook.month_to_date)} ${unit}`), units(outlook.month_to_date)),
    tile("Projected for the month", money(outlook.projected, unit), `${brief(outlook.by_last_7_days.projected)} ${unit} as the last 7 days went`),
  ];
}

function parts(balance) {
  const buckets = Object.entries(balance.buckets).filter(([, amount]) => Number(amount)).map(([name, amount]) => `${name} ${brief(amount)}`);
  return [...buckets, ...balance.flags].join(" · ");
}

async function costs() {
  const report = await ask(`${base}/costs?days=${shown.days}&by=${shown.by}`);
  const chart = el("div", { class: "chart" });
  const half = Math.floor(report.days.length / 2);
  const sum = (days) => days.reduce((total, day) => total + Number(day.amount), 0);
  const [before, after] = [sum(report.days.slice(0, half)), sum(report.days.slice(-half))];
  const trend = before ? ` ${after >= before ? "▲" : "▼"} ${Math.abs((after / before - 1) * 100).toFixed(0)} % second half against first` : "";
  const title = el("p", {}, el("strong", { id: "total" }, `${grouped(report.total)} ${report.currency}`),
    el("span", { class: "quiet" }, ` in ${grouped(report.charges)} charges, ${report.from} to ${report.to}${trend}`));
  const rows = [...report.groups].sort((a, b) => Number(b.amount) - Number(a.amount));
  const groups = table(`By ${shown.by}`, [[shown.by, "", (g) => g.name || "(none)"], [report.currency, "n", (g) => grouped(g.amount)], ["charges", "n", (g) => grouped(g.charges)]], rows);
  const days = el("details", {}, el("summary", {}, "Every day as a table"),
    table("By day", [["day", "nowrap", (d) => d.day], [report.currency, "n", (d) => grouped(d.amount)], ["charges", "n", (d) => grouped(d.charges)]], [...report.days].reverse()));
  // Drawn once it has a width.
  requestAnimationFrame(() => chart.after(bars(chart, report, `Costs by ${shown.by}`)));
  return [title, chart, groups, days];
}

async function dearest() {
  const found = await ask(`${base}/top-requests?days=${shown.days}&limit=10`);
  const used = (r) => ["input_tokens", "output_tokens", "images", "videos", "characters"].filter((name) => r[name]).map((name) => `${grouped(r[name])} ${name.replace("_", " ")}`).join(", ");
  const rows = table(`The last ${shown.days} days`, [["request", "", (r) => r.request], ["model", "", (r) => r.model], ["time", "nowrap", (r) => clock(r.time)], ["used", "", used], [found.currency, "n", (r) => r.cost]], found.requests, "No requests.");
  const hours = found.deployments;
  const shared = Number(hours.cost ?? 0) ? el("p", { class: "quiet" }, `Of ${brief(hours.cost)} ${found.currency} for deployments, ${brief(hours.share)} went to requests and ${brief(hours.idle)} was idle.`) : null;
  return [rows, shared].filter(Boolean);
}

async function suggestions() {
  const found = await ask(`${base}/suggestions`);
  if (!found.suggestions.length) return el("p", { class: "quiet" }, "Nothing to save that the figures would show.");
  return found.suggestions.map((each) => el("div", { class: "suggestion" },
    el("p", {}, el("strong", { class: "good" }, `save ${grouped(each.saving_per_month)} ${each.currency} a month`), each.saving_percent ? ` (~${each.saving_percent} %)` : "", each.resource ? ` · ${each.resource}` : ""),
    el("p", {}, each.text),
    el("details", {}, el("summary", {}, "The figures it rests on"), el("pre", {}, JSON.stringify(each.figures, null, 2)))));
}

async function ledger() {
  const rows = [];
  const place = el("div");
  const columns = [["#", "n", (e) => String(e.seq)], ["time", "nowrap", (e) => clock(e.time)], ["type", "", (e) => e.type], ["bucket", "", (e) => e.bucket],
    ["amount", "n", (e) => el("span", { class: e.amount.startsWith("-") ? "" : "good" }, grouped(e.amount))], ["balance", "n", (e) => grouped(e.balance)], ["for", "", (e) => e.payment || e.charge || e.cause?.id]];
  async function more(cursor) {
    const found = await ask(`${base}/ledger?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    rows.push(...found.entries);
    const next = found.next ? el("button", { class: "plain", type: "button", onclick: () => fill(place, () => more(found.next)) }, "Older postings") : null;
    return [table("Postings, the newest first", columns, rows, "No postings yet."), next].filter(Boolean);
  }
  await fill(place, () => more(null));
  return place;
}

async function notices() {
  const found = await ask(`${base}/notices?limit=20`);
  const sent = (n) => (n.deliveries ?? []).map((d) => el("span", { class: `chip ${d.state === "sent" ? "good" : ""}` }, `${d.channel}: ${d.state}`));
  return table("What the owner was told", [["time", "nowrap", (n) => clock(n.time)], ["notice", "", (n) => n.type.replaceAll("_", " ")], ["about", "", (n) => n.resource ?? ""], ["delivery", "", (n) => el("span", {}, ...sent(n))]], found.notices, "No notices yet.");
}

async function settings() {
  const [found, balance] = await Promise.all([ask(`${base}/settings`), ask(`${base}/balance`)]);
  const told = Object.entries(found).filter(([name]) => name !== "account").map(([name, value]) => [name.replaceAll("_", " "), typeof value === "object" && value ? JSON.stringify(value) : String(value ?? "–")]);
  const keys = Object.entries(balance.keys);
  return [table("As the pipeline has them", [["setting", "nowrap", (s) => s[0]], ["value", "", (s) => s[1]]], told),
    table("API keys", [["key", "", (k) => k[0]], ["tier", "", (k) => k[1]]], keys, "No API keys.")];
}

const spendCards = () => { fill(byId("costs"), costs); fill(byId("dearest"), dearest); };
byId("switches").append(
  switcher("Days", [["7", "7 days"], ["14", "14"], ["30", "30"]], shown.days, (days) => { shown.days = days; spendCards(); }),
  switcher("Split by", ["resource", "model", "sku", "key", "meter"].map((name) => [name, name]), shown.by, (by) => { shown.by = by; fill(byId("costs"), costs); }));

// What goes through every charge comes after what is answered at once.
await Promise.all([fill(byId("overview"), overview), fill(byId("costs"), costs), fill(byId("ledger"), ledger)]);
await Promise.all([fill(byId("notices"), notices), fill(byId("settings"), settings)]);
await fill(byId("dearest"), dearest);
await fill(byId("suggestions"), suggestions);
