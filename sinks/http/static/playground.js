// Events and a profile in, records and mails out: the pure engine, nothing is stored.
import { ask, byId, clock, el, fill, grouped, table } from "./page.js";

async function play() {
  const profile = byId("profile").value.trim();
  const body = JSON.stringify({ events: byId("events").value, profile: profile || null, until: byId("until").value || null });
  const found = await ask("/v1/playground", { method: "POST", headers: { "content-type": "application/json", accept: "application/json" }, body });
  const of = (kind) => found.records.filter((each) => each.record === kind);
  return [
    table("Balances", [["account", "", (b) => b.account], ["balance", "n", (b) => `${grouped(b.balance)} ${b.currency}`], ["buckets", "", (b) => Object.entries(b.buckets).map(([name, amount]) => `${name} ${amount}`).join(" · ")]], of("balance"), "No account was opened."),
    table("Rejections", [["reason", "", (r) => r.reason], ["why", "", (r) => r.detail], ["event", "", (r) => r.cause?.id]], of("rejection"), "Nothing was refused."),
    table("Charges", [["time", "nowrap", (c) => clock(c.time)], ["what", "", (c) => `${c.resource ?? c.request ?? ""} ${c.sku} ${c.meter}`], ["quantity", "n", (c) => `${c.quantity} ${c.unit}`], ["price", "n", (c) => c.unit_price], ["amount", "n", (c) => c.amount], ["rule", "", (c) => c.rule]], of("charge"), "No charges."),
    table("Ledger", [["time", "nowrap", (e) => clock(e.time)], ["type", "", (e) => e.type], ["bucket", "", (e) => e.bucket], ["amount", "n", (e) => e.amount], ["balance", "n", (e) => e.balance]], of("entry"), "No postings."),
    table("Commands", [["time", "nowrap", (c) => clock(c.time)], ["command", "", (c) => c.type], ["resource", "", (c) => c.resource ?? ""], ["reason", "", (c) => c.reason]], of("command"), "No commands."),
    table("Mails", [["subject", "", (m) => m.subject], ["text", "", (m) => el("details", {}, el("summary", {}, "read"), el("pre", {}, m.text))]], found.mails, "No mails."),
  ];
}

byId("play").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("result").setAttribute("aria-busy", "true");
  fill(byId("result"), play);
});
