// One field of the collect frame: a new value, or the correction of one that a token already stands for.

import { call } from "./api.js";
import { make } from "./dom.js";
import { SHOWN_MS, judge, watch } from "./guard.js";
import { ask, purposesFor, settledPurpose } from "./purposes.js";
import { t, title } from "./text.js";

const LONG = new Set(["address", "text"]);
const KEYBOARD = { phone: "tel", email: "email", inn: "numeric", snils: "numeric", card: "numeric" };

export class Field {
  #timer = null;

  constructor(spec, { titles, parent, purpose, onEdit }) {
    this.classId = spec.class;
    this.token = spec.token ?? null;
    this.required = spec.required === true;
    this.purpose = purpose;
    this.edited = false;
    const id = `field-${spec.class}`;
    this.root = make("div", "field", parent);
    const line = make("div", "line", this.root);
    this.label = make("label", "", line);
    this.label.htmlFor = id;
    this.label.textContent = spec.label ?? title(titles);
    this.label.classList.toggle("required", this.required);
    this.input = make(LONG.has(spec.class) ? "textarea" : "input", "", this.root);
    this.input.id = id;
    this.input.autocomplete = "off";
    this.input.spellcheck = false;
    this.input.inputMode = KEYBOARD[spec.class] ?? "text";
    this.error = make("p", "error", this.root);
    this.error.id = `${id}-error`;
    this.error.setAttribute("role", "status");
    this.input.setAttribute("aria-describedby", this.error.id);
    this.input.addEventListener("input", () => {
      this.edited = true;
      this.complain("");
      onEdit();
    });
    if (this.token !== null) this.#offerCorrection(line);
  }

  // The value that would be stored, or null when this field has nothing new.
  get fresh() {
    const text = this.input.value.trim();
    return this.edited && text !== "" ? text : null;
  }

  get missing() {
    return this.required && (this.token === null || this.edited) && this.input.value.trim() === "";
  }

  complain(sentence) {
    this.error.textContent = sentence || (this.token !== null && !this.edited ? t("keeps") : "");
    this.error.dataset.kind = sentence === "" ? "hint" : "error";
    this.input.ariaInvalid = sentence === "" ? "false" : "true";
  }

  // Before anything is loaded: the mask, so that the reader knows what is being corrected.
  describe(result) {
    this.current.textContent = result.mask ?? "";
    this.loader.hidden = purposesFor(this.classId).length === 0;
  }

  // A loaded value that nobody has touched goes; what the reader typed never does.
  drop() {
    clearTimeout(this.#timer);
    if (this.token !== null && !this.edited) this.input.value = "";
    if (this.loader) this.loader.hidden = purposesFor(this.classId).length === 0;
  }

  clear() {
    clearTimeout(this.#timer);
    this.input.value = "";
    this.edited = false;
    this.complain("");
  }

  #offerCorrection(line) {
    this.current = make("span", "current", line);
    this.loader = make("button", "link", line);
    this.loader.type = "button";
    this.loader.textContent = t("replace");
    this.loader.hidden = true;
    this.loader.addEventListener("click", (event) => this.#load(event));
    watch(this.loader);
    this.complain("");
  }

  async #load(event) {
    const verdict = judge(event, this.loader);
    if (verdict === "covered") this.complain(t("covered"));
    if (verdict !== "yes" || this.edited) return;
    const chosen =
      settledPurpose(this.classId) ?? (await ask(this.loader, this.classId, { preferred: this.purpose }));
    if (chosen === null) return;
    const answer = await call("reveal", { purpose: chosen.id, items: [{ token: this.token }] });
    const value = answer.ok ? answer.body.items[0].value : undefined;
    if (this.edited || document.hidden) return;
    if (value === undefined) {
      const sentence = { 401: "sign_in_reason", 403: "denied", 429: "limit", 503: "away" }[answer.status];
      this.complain(t(sentence ?? "failed"));
      return;
    }
    this.input.value = value;
    this.loader.hidden = true;
    this.input.focus();
    this.#timer = setTimeout(() => this.drop(), SHOWN_MS);
  }
}
