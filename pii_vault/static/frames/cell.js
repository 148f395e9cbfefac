// One drawn token. Its size is given by the page and never changes, whatever it shows.
//
// A mask or a value stands in a text node and nowhere else; the value's node is emptied when it is hidden.

import { copyText } from "./copy.js";
import { make } from "./dom.js";
import { SHOWN_MS, unwatch, watch } from "./guard.js";
import { t } from "./text.js";

const FLASH_MS = 4000;
const TALL = 44; // px; from here on a cell wraps its text over several lines
const NARROW = 72; // px; below this the icon would leave no room for the text

export class Cell {
  #timer = null;
  #flashTimer = null;
  #until = 0;
  #faceState = "loading"; // what the face shows under an open value
  #settled = false;

  constructor(token, onPress) {
    this.token = token;
    this.classId = token.slice(4, token.lastIndexOf("_"));
    this.state = "loading";
    this.root = make("div", "cell", document.body);
    this.face = make("button", "face", this.root);
    this.face.type = "button";
    this.name = make("span", "unseen", this.face);
    this.text = make("span", "text", this.face);
    this.hint = make("span", "unseen", this.face);
    make("span", "icon", this.face).ariaHidden = "true";
    this.shown = make("div", "shown", this.root);
    this.value = make("div", "value", this.shown);
    this.value.tabIndex = 0;
    this.copy = make("button", "icon copy", this.shown);
    this.copy.type = "button";
    make("span", "countdown", this.shown);
    this.notice = make("p", "notice", this.root);
    this.notice.hidden = true;
    this.notice.setAttribute("role", "status");
    this.face.addEventListener("click", (event) => onPress(this, event));
    this.face.addEventListener("contextmenu", (event) => onPress(this, event));
    this.copy.addEventListener("click", () => copyText(this.value, this.copy));
    this.shown.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.hide();
    });
    this.#draw("loading");
  }

  place({ x, y, w, h, font }) {
    const box = [x, y, w, h].join(" ");
    if (this.box === box) return;
    this.box = box;
    for (const [name, size] of Object.entries({ left: x, top: y, width: w, height: h })) {
      this.root.style[name] = `${size}px`;
    }
    this.root.classList.toggle("tall", h >= TALL);
    this.root.classList.toggle("narrow", w < NARROW);
    this.root.classList.toggle("title", font === "title");
    this.#watch();
  }

  // `openable`: pressing it may show the value. `note`: a sentence of ours, never a value.
  mask(text, { label, openable, note }) {
    this.#draw("mask", { label, openable, note, hint: openable ? t("show") : "" });
    this.text.textContent = text;
  }

  // A state of its own: loading, denied, hidden, erased, unknown, away, session.
  say(state, { label = "", text = "", note = "", openable = false } = {}) {
    this.#draw(state, { label, openable, note });
    this.text.textContent = text;
  }

  // A sentence over the face for a moment: why the last press showed nothing.
  flash(text) {
    this.notice.textContent = text;
    this.notice.title = text;
    this.notice.hidden = false;
    clearTimeout(this.#flashTimer);
    this.#flashTimer = setTimeout(() => {
      this.notice.hidden = true;
    }, FLASH_MS);
  }

  show(value, { note }) {
    this.root.dataset.state = this.state = "value";
    this.value.textContent = value;
    this.value.title = note;
    this.copy.title = t("copy");
    this.copy.ariaLabel = t("copy");
    this.face.hidden = true;
    this.shown.hidden = false;
    this.value.focus({ preventScroll: true });
    this.#until = Date.now() + SHOWN_MS;
    this.#timer = setTimeout(() => this.hide(), SHOWN_MS);
  }

  // The value leaves the document at once; what the face showed before is still there.
  hide() {
    if (this.state !== "value") return;
    clearTimeout(this.#timer);
    const focused = this.shown.contains(document.activeElement);
    this.value.textContent = "";
    this.root.dataset.state = this.state = this.#faceState;
    this.face.hidden = false;
    this.shown.hidden = true;
    this.#watch();
    if (focused) this.face.focus({ preventScroll: true });
  }

  // A sleeping machine stops timers: a value whose minute has passed meanwhile goes now.
  hideIfDue() {
    if (Date.now() >= this.#until) this.hide();
  }

  remove() {
    this.hide();
    unwatch(this.face);
    this.root.remove();
  }

  #draw(state, { label = "", openable = false, note = "", hint = "" } = {}) {
    clearTimeout(this.#timer);
    this.value.textContent = "";
    this.root.dataset.state = this.state = this.#faceState = state;
    this.openable = openable;
    this.name.textContent = label === "" ? "" : `${label}: `;
    this.hint.textContent = hint === "" ? "" : `. ${hint}`;
    this.face.title = note;
    this.face.hidden = false;
    this.shown.hidden = true;
    this.face.ariaBusy = state === "loading" ? "true" : "false";
    this.#enable();
  }

  #watch() {
    watch(this.face, (settled) => {
      this.#settled = settled;
      this.#enable();
    });
  }

  #enable() {
    this.face.ariaDisabled = this.openable && this.#settled ? "false" : "true";
    this.root.classList.toggle("openable", this.openable);
  }
}
