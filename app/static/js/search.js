// The search frame: what is looked for is typed into the vault's form; the page learns subjects, and asks for their orders.

import { Channel, isSubject } from "./channel.js";
import { Notices } from "./notices.js";

const HEIGHT = 92; // px: one field, and two lines under it
const MOST = 20;

export class SearchForm {
  #root;
  #channel = null;
  #notices;

  constructor(root) {
    this.#root = root;
    this.#notices = new Notices(root);
    this.#notices.onPress("[data-retry]", () => this.#retry());
    const dialog = root.closest("dialog");
    dialog.addEventListener("larets:open", () => this.#load());
  }

  get alive() {
    return this.#root.isConnected;
  }

  close() {
    this.#channel?.close();
  }

  #load() {
    if (this.#channel !== null) {
      this.#channel.frame.focus();
      return;
    }
    const place = this.#root.querySelector("[data-frame-form]");
    place.style.height = `${HEIGHT}px`;
    this.#channel = new Channel("search", {
      title: this.#root.dataset.title,
      parent: place,
      className: "form-frame",
      handlers: {
        ready: () => this.#open(),
        silent: () => this.#notices.show("away"),
        session_needed: () => this.#notices.show("session"),
        dismissed: () => this.#root.closest("dialog")?.close(),
        found: ({ subjects }) => this.#found(subjects),
      },
    });
  }

  #retry() {
    this.#notices.clear();
    if (!this.#channel.ready) this.#channel.load();
  }

  #open() {
    this.#notices.clear();
    this.#channel.post({ type: "open", purpose: this.#root.dataset.purpose, classes: ["phone", "email", "name"] });
    this.#channel.frame.focus();
  }

  // Nobody found: the frame says so itself and stays open.
  #found(subjects) {
    if (!Array.isArray(subjects)) return;
    const ids = subjects.map((found) => found?.subject).filter(isSubject).slice(0, MOST);
    if (ids.length === 0) return;
    const form = document.createElement("form");
    form.method = "post";
    form.action = this.#root.dataset.action;
    for (const id of ids) {
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = "subject";
      field.value = id;
      form.append(field);
    }
    document.body.append(form);
    form.submit();
  }
}
