// A form that the vault draws: what is typed goes to the vault alone, the page gets tokens and hands them to the CRM.

import { Channel, isSubject, isToken } from "./channel.js";
import { Notices } from "./notices.js";

const LONG = new Set(["address", "text"]);
const FIELD = 84; // px of one field as the frame draws it, with room for its error
const LONG_FIELD = 132;
const ACTIONS = 60;

export class CollectForm {
  #root;
  #place;
  #channel = null;
  #notices;
  #fields;
  #handedOver = null; // tokens that the CRM has not taken yet

  constructor(root) {
    this.#root = root;
    this.#place = root.querySelector("[data-frame-form]");
    this.#notices = new Notices(root);
    this.#fields = JSON.parse(root.dataset.fields);
    this.#notices.onPress("[data-retry]", () => this.#retry());
    this.#notices.onPress("[data-resend]", () => this.#save());
    const dialog = root.closest("dialog");
    if (dialog) dialog.addEventListener("larets:open", () => this.#load());
    else this.#load();
  }

  get alive() {
    return this.#root.isConnected;
  }

  close() {
    this.#channel?.close();
  }

  // Loaded once: closing the dialog keeps what was typed.
  #load() {
    if (this.#channel !== null) return;
    const height = this.#fields.reduce((sum, field) => sum + (LONG.has(field.class) ? LONG_FIELD : FIELD), ACTIONS);
    this.#place.style.height = `${height}px`;
    this.#channel = new Channel("collect", {
      title: this.#root.dataset.title,
      parent: this.#place,
      className: "form-frame",
      handlers: {
        ready: () => this.#open(),
        silent: () => this.#notices.show("away"),
        session_needed: () => this.#notices.show("session"),
        dismissed: () => this.#root.closest("dialog")?.close(),
        collected: (message) => this.#collected(message),
      },
    });
  }

  #retry() {
    this.#notices.clear();
    if (!this.#channel.ready) this.#channel.load();
  }

  #open() {
    this.#notices.clear();
    const message = { type: "open", purpose: "order_processing", fields: this.#fields };
    if (this.#root.dataset.subject) message.subject = this.#root.dataset.subject;
    this.#channel.post(message);
  }

  // `mixed`: texts with tokens in place, of a shop whose officer lets them cross. The CRM looks through them once more.
  #collected({ tokens, subject, mixed }) {
    if (tokens === null || typeof tokens !== "object" || !isSubject(subject)) return;
    const found = Object.values(tokens).filter(isToken);
    if (found.length === 0) return;
    const text = typeof mixed?.text === "string" ? mixed.text : null;
    this.#handedOver = { subject, tokens: found, mixed: text };
    this.#save();
  }

  async #save() {
    if (this.#handedOver === null) return;
    const body = new URLSearchParams({ subject: this.#handedOver.subject });
    for (const token of this.#handedOver.tokens) body.append("token", token);
    if (this.#handedOver.mixed !== null) body.append("mixed", this.#handedOver.mixed);
    for (const field of this.#fields) if (field.token) body.append("old", field.token);
    try {
      const answer = await fetch(this.#root.dataset.action, {
        method: "POST",
        body,
        headers: { "HX-Request": "true" },
        redirect: "manual",
      });
      if (!answer.ok) throw new Error(String(answer.status));
      if (answer.headers.get("hx-redirect")?.startsWith("/signin")) {
        this.#notices.show("ended");
        return;
      }
      this.#handedOver = null;
      await this.#follow(answer);
    } catch {
      this.#notices.show("unsaved");
    }
  }

  async #follow(answer) {
    const elsewhere = answer.headers.get("hx-redirect");
    if (elsewhere) {
      window.location.assign(elsewhere);
      return;
    }
    this.#root.closest("dialog")?.close();
    window.htmx.swap("#timeline", await answer.text(), { swapStyle: "outerHTML" });
  }
}
