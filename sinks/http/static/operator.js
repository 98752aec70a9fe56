// The operator's page: all accounts, the health of the pipeline, and charges as they come.
import { ask, brief, byId, clock, el, fill, grouped, switcher, table } from "./page.js";

const PAGE = 100;
const LIVE_ROWS = 12;
const shown = { sort: "burn", rows: [] };

const link = (account) => el("a", { href: `/accounts/${encodeURIComponent(account)}` }, account);
const runway = (row) => (row.runway_hours === null ? "" : el("span", { class: Number(row.runway_hours) < 24 ? "bad" : "" }, `${grouped(row.runway_hours)} h`));

async function accounts(offset = 0) {
  const found = await ask(`/v1/accounts?sort=${shown.sort}&limit=${PAGE}&offset=${offset}`);
  shown.rows = offset ? [...shown.rows, ...found.accounts] : found.accounts;
  const columns = [["account", "", (a) => link(a.account)], ["profile", "", (a) => a.profile],
    ["balance", "n", (a) => el("span", { class: a.balance.startsWith("-") ? "bad" : "", title: a.balance }, `${brief(a.balance)} ${a.currency}`)],
    ["this month", "n", (a) => el("span", { title: a.month_to_date }, brief(a.month_to_date))], ["burn an hour", "n", (a) => el("span", { title: a.burn_per_hour }, brief(a.burn_per_hour))], ["runway", "n", runway]];
  const empty = "No account has a balance yet. Send events with `meterstream emit FILE`, or play a month with `meterstream demo`.";
  const more = found.next ? el("button", { class: "plain", type: "button", onclick: () => fill(byId("accounts"), () => accounts(found.next)) }, "More accounts") : null;
  return [table(`${grouped(shown.rows.length)} accounts`, columns, shown.rows, empty), more].filter(Boolean);
}

async function health() {
  const [found, parts] = await Promise.all([ask("/v1/operations"), ask("/v1/health")]);
  const fresh = found.freshness;
  const reconciled = parts.reconciled;
  const rows = [
    ["ingest, worker, sinks behind", parts.lag.map((each) => `${each.group} ${grouped(each.records)}`).join(" · ") || "–"],
    ["event to seen", fresh.charges ? `${fresh.age_mean_s} s on average, ${fresh.age_max_s} s at most, ${grouped(fresh.charges)} charges` : "no charge lately"],
    ["last reconcile", reconciled ? el("span", { class: reconciled.clean ? "good" : "bad" }, `${reconciled.clean ? "clean" : "differences"} at ${clock(reconciled.time)}`) : "not yet: meterstream reconcile"],
    ["could not be stored", el("span", { class: found.dead_letters ? "bad" : "good" }, grouped(found.dead_letters))],
    ["in arrears", found.arrears.map((each) => `${each.accounts} × ${each.age}: ${brief(each.owed)} ${each.currency}`).join(" · ") || "nobody"],
  ];
  return [table("Pipeline", [["", "nowrap quiet", (r) => r[0]], ["", "", (r) => r[1]]], rows),
    table("Refused events", [["reason", "", (r) => r.reason], ["events", "n", (r) => grouped(r.rejections)], ["latest", "", (r) => r.example]], found.rejections, "No event was refused.")];
}

function live() {
  const rows = [];
  const place = byId("live");
  const source = new EventSource("/v1/live");
  source.addEventListener("charges", (event) => {
    const { charges, seen } = JSON.parse(event.data);
    rows.unshift(...charges.reverse());
    rows.length = Math.min(rows.length, LIVE_ROWS);
    byId("live-count").textContent = `${grouped(seen)} since the page was opened`;
    place.replaceChildren(table("Charges as they come", [["time", "nowrap", (c) => clock(c.time)], ["account", "", (c) => link(c.account)], ["what", "", (c) => `${c.sku} ${c.meter}`], ["amount", "n", (c) => `${c.amount} ${c.currency}`], ["rule", "", (c) => c.rule]], rows));
    place.querySelector("tbody tr")?.classList.add("fresh");
  });
  source.onerror = () => { byId("live-count").textContent = "the connection is broken; trying again"; };
  source.onopen = () => { byId("live-count").textContent = "waiting for charges"; };
}

byId("sort").append(switcher("Sort accounts", [["burn", "by burn"], ["risk", "by risk"], ["account", "by name"]], shown.sort, (sort) => { shown.sort = sort; fill(byId("accounts"), () => accounts()); }));
byId("find").addEventListener("submit", (event) => {
  event.preventDefault();
  location.href = `/accounts/${encodeURIComponent(byId("find-account").value)}`;
});
fill(byId("accounts"), () => accounts());
fill(byId("health"), health);
live();
setInterval(() => { if (!document.hidden) fill(byId("health"), health); }, 15_000);
