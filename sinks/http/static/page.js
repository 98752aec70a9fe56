// Small pieces that every page is made of: asking the service, making elements, writing money.

/** What the service answers to GET `path`; an Error with its message where it refuses or is away. */
export async function ask(path, options = {}) {
  const answer = await fetch(path, { headers: { accept: "application/json" }, ...options });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error?.message ?? `${answer.status} ${answer.statusText}`);
  return body;
}

/** An element: `el("td", {class: "n"}, "1.00")`. Texts are texts: nothing is taken for HTML. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** A decimal text with its thousands grouped; not one digit is lost. */
export function grouped(text) {
  const [whole, fraction] = String(text).split(".");
  const parts = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return fraction === undefined ? parts : `${parts}.${fraction}`;
}

/** A decimal text to two decimals, half up, grouped: where the exact one stands beside it or in the title. */
export function brief(text) {
  const negative = String(text).startsWith("-");
  const [whole, fraction = ""] = String(text).replace("-", "").split(".");
  const digits = BigInt(whole + fraction.padEnd(3, "0").slice(0, 2)) + (Number(fraction[2] ?? 0) >= 5 ? 1n : 0n);
  const shown = digits.toString().padStart(3, "0");
  const sign = negative && digits > 0n ? "-" : "";
  return sign + grouped(`${shown.slice(0, -2)}.${shown.slice(-2)}`);
}

/** `amount` in `currency`: brief, with the exact amount as its title. */
export function money(amount, currency) {
  return el("span", { title: `${amount} ${currency}` }, `${brief(amount)} ${currency}`);
}

/** A time as the service gives it, without milliseconds: `2026-11-02 10:17:03`. */
export const clock = (time) => (time ? `${time.slice(0, 10)} ${time.slice(11, 19)}` : "");

/** A table. `columns`: [heading, class, cell of a row]. */
export function table(caption, columns, rows, empty = "None.") {
  if (!rows.length) return el("p", { class: "quiet" }, empty);
  const head = el("tr", {}, ...columns.map(([heading, kind]) => el("th", { scope: "col", class: kind }, heading)));
  const body = rows.map((row) => el("tr", {}, ...columns.map(([, kind, cell]) => el("td", { class: kind }, cell(row) ?? ""))));
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    el("table", {}, el("caption", {}, caption), el("thead", {}, head), el("tbody", {}, ...body)));
}

/** Fill `place` with what `make` gives; what goes wrong is said there and nowhere else. */
export async function fill(place, make) {
  try {
    place.replaceChildren(...[await make()].flat());
  } catch (error) {
    place.replaceChildren(el("p", { class: "error", role: "alert" }, error.message));
  }
  place.removeAttribute("aria-busy");
}

/** Buttons of which one is pressed; `chosen` is told its value. */
export function switcher(label, values, pressed, chosen) {
  const buttons = values.map(([value, text]) =>
    el("button", { type: "button", "aria-pressed": String(value === pressed), onclick: () => {
      buttons.forEach((button, n) => button.setAttribute("aria-pressed", String(values[n][0] === value)));
      chosen(value);
    } }, text));
  return el("div", { class: "switch", role: "group", "aria-label": label }, ...buttons);
}
