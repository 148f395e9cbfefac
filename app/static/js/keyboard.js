// Keys of the lists: j and k or the arrows move, Enter opens; / goes to the filter, f finds a person, ? helps.

const rows = () => [...document.querySelectorAll("[data-row]")];

const choose = (step) => {
  const all = rows();
  if (all.length === 0) return;
  const at = all.findIndex((row) => row.ariaSelected === "true");
  const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
  for (const row of all) row.ariaSelected = row === next ? "true" : null;
  next.querySelector("a.row-link").focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
};

const press = (id) => document.querySelector(`[data-dialog="${id}"]`)?.click();

const actions = {
  j: () => choose(1),
  k: () => choose(-1),
  ArrowDown: () => choose(1),
  ArrowUp: () => choose(-1),
  "/": () => document.querySelector('[data-hotkey="/"]')?.focus(),
  f: () => press("find"),
  "?": () => document.getElementById("help")?.showModal(),
};

// The same places of the keyboard when it is set to Russian letters.
const cyrillic = { о: "j", л: "k", а: "f", п: "g", щ: "o", с: "c", ".": "/", ",": "?" };
const places = { o: "/orders", c: "/contacts" };

const isTyping = (element) =>
  element.isContentEditable || ["INPUT", "TEXTAREA", "SELECT", "IFRAME"].includes(element.tagName);

let going = false; // after g

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const arrows = event.key === "ArrowDown" || event.key === "ArrowUp";
  if (arrows && rows().length === 0) return;
  const key = event.code === "Slash" && !(event.key in actions) ? (event.shiftKey ? "?" : "/") : (cyrillic[event.key] ?? event.key);
  if (going && key in places) {
    window.location.assign(places[key]);
    return;
  }
  going = key === "g";
  if (!(key in actions)) return;
  event.preventDefault();
  actions[key]();
});

document.addEventListener("click", (event) => {
  const row = event.target.closest?.("[data-row]");
  if (!row || event.target.closest("a, button") || window.getSelection().toString() !== "") return;
  row.querySelector("a.row-link").click();
});
