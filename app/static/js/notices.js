// The sentences of a place where a frame draws: sign in, vault away, not saved yet. One at a time.

export class Notices {
  #root;

  constructor(root) {
    this.#root = root;
  }

  show(name) {
    for (const notice of this.#root.querySelectorAll("[data-notice]")) {
      notice.hidden = notice.dataset.notice !== name;
    }
  }

  shown(name) {
    return this.#root.querySelector(`[data-notice="${name}"]`)?.hidden === false;
  }

  clear() {
    this.show(null);
  }

  onPress(selector, act) {
    for (const button of this.#root.querySelectorAll(selector)) button.addEventListener("click", act);
  }

  // The way to the vault's own sign-in, which is top-level: it leaves this page and comes back.
  get signInAddress() {
    return this.#root.querySelector('[data-notice="session"] a')?.href;
  }
}
