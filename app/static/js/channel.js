// The line to one frame of the vault. Version 1 of the protocol: docs/frames.md.
//
// A message counts only when it comes from the vault's origin, from this very frame, in this version and with a
// type that is handled. The page sends tokens, boxes, locale and theme; no value ever travels either way.

const VERSION = 1;
const READY_MS = 10000; // a frame that has said nothing by then will not
const LOADED_MS = 1000; // nor one whose document has come up: that was the browser's own error page

export const vaultOrigin = () => document.body.dataset.vault;

const appearance = () => ({
  locale: document.documentElement.lang === "en" ? "en" : "ru",
  theme: document.documentElement.dataset.bsTheme === "dark" ? "dark" : "light",
});

export class Channel {
  #handlers;
  #timer = null;

  // `kind` is the frame's document: reveal, search or collect. `handlers` are called by the message's type;
  // `silent` when the document did not come up: the vault is away.
  constructor(kind, { title, parent, className, handlers }) {
    this.kind = kind;
    this.ready = false;
    this.#handlers = handlers;
    this.frame = document.createElement("iframe");
    this.frame.title = title;
    this.frame.className = className;
    window.addEventListener("message", this.#receive);
    this.frame.addEventListener("load", () => this.#waitFor(LOADED_MS));
    parent.append(this.frame);
    this.load();
  }

  // Also the retry: the document is asked for anew.
  load() {
    this.ready = false;
    this.frame.dataset.ready = "false";
    this.frame.src = `${vaultOrigin()}/frames/${this.kind}`;
    this.#waitFor(READY_MS);
  }

  post(message) {
    if (!this.ready) return;
    this.frame.contentWindow.postMessage({ larets: VERSION, ...message, ...appearance() }, vaultOrigin());
  }

  close() {
    clearTimeout(this.#timer);
    window.removeEventListener("message", this.#receive);
    this.frame.remove();
  }

  #waitFor(time) {
    clearTimeout(this.#timer);
    if (!this.ready) this.#timer = setTimeout(() => this.#handlers.silent(), time);
  }

  #receive = (event) => {
    if (event.origin !== vaultOrigin() || event.source !== this.frame.contentWindow) return;
    const message = event.data;
    if (message === null || typeof message !== "object" || message.larets !== VERSION) return;
    if (message.type === "ready") {
      this.ready = true;
      this.frame.dataset.ready = "true";
      clearTimeout(this.#timer);
    }
    if (Object.hasOwn(this.#handlers, message.type)) this.#handlers[message.type](message);
  };
}

const TOKEN = /^tok_[a-z_]{1,40}_[0-9a-hjkmnp-tv-z]{28}$/;
const SUBJECT = /^sub_[0-9a-hjkmnp-tv-z]{28}$/;

export const isToken = (text) => typeof text === "string" && TOKEN.test(text);
export const isSubject = (text) => typeof text === "string" && SUBJECT.test(text);
