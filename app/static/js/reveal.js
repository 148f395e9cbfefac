// A group of cells (the rows of one page of a list, or a whole card) under one frame of the vault.
//
// The page measures the boxes and sends them; the frame lies over them, transparent, and draws. It is clipped to the
// boxes, so that links between them stay within reach. Sizes come from the stylesheet, never from a value.

import { Channel } from "./channel.js";
import { Notices } from "./notices.js";

const MOST_CELLS = 1000; // the frame takes no more
const MENU_WIDTH = 250; // px that the frame's purpose menu needs to be seen whole
const MENU_HEIGHT = 190;

let lastId = 0;

export class RevealGroup {
  #group;
  #stage;
  #channel;
  #notices;
  #pending = false;
  #open = false; // the frame shows a menu that may hang over its cells
  #watcher = new ResizeObserver(() => this.measureSoon());

  constructor(group) {
    this.#group = group;
    this.#stage = group.closest("[data-stage]");
    this.#notices = new Notices(this.#stage);
    this.#say("waiting");
    this.#channel = new Channel("reveal", {
      title: group.dataset.title,
      parent: this.#stage,
      className: "reveal-frame",
      handlers: {
        ready: () => this.#begin(),
        silent: () => this.#away(),
        session_needed: () => this.#needSession(),
        unavailable: () => this.#say("unavailable"),
        denied: () => this.#say("denied"),
        menu: ({ open }) => this.#unclip(open === true),
      },
    });
    this.#notices.onPress("[data-retry]", () => this.#retry());
    this.#watcher.observe(this.#stage);
    this.#watcher.observe(group);
    window.addEventListener("resize", this.measureSoon);
    document.fonts?.ready.then(this.measureSoon);
  }

  get alive() {
    return this.#group.isConnected;
  }

  close() {
    this.#watcher.disconnect();
    window.removeEventListener("resize", this.measureSoon);
    this.#channel.close();
  }

  measureSoon = () => {
    if (this.#pending) return;
    this.#pending = true;
    requestAnimationFrame(() => {
      this.#pending = false;
      if (this.alive) this.#measure();
    });
  };

  #begin() {
    this.#say("drawn");
    if (!this.#notices.shown("session")) this.#notices.clear();
    this.#measure();
  }

  #retry() {
    if (this.#channel.ready) return;
    this.#notices.clear();
    this.#say("waiting");
    this.#channel.load();
  }

  #away() {
    this.#say("away");
    this.#notices.show("away");
  }

  // Said once for the whole frame; said again, the reader has pressed a cell to sign in.
  #needSession() {
    this.#say("session");
    if (this.#notices.shown("session")) window.location.assign(this.#notices.signInAddress);
    else this.#notices.show("session");
  }

  #say(state) {
    this.#group.dataset.state = state;
  }

  #unclip(open) {
    this.#open = open;
    this.#measure();
  }

  #measure() {
    const stage = this.#stage.getBoundingClientRect();
    const boxes = [];
    for (const cell of this.#group.querySelectorAll("[data-token]")) {
      const { left, top, width, height } = cell.getBoundingClientRect();
      if (width === 0 || boxes.length === MOST_CELLS) continue;
      cell.dataset.cell ||= `c${++lastId}`;
      boxes.push({ cell, left: left - stage.left, top: top - stage.top, width, height });
    }
    this.#channel.frame.hidden = boxes.length === 0;
    if (boxes.length > 0) this.#lay(boxes);
  }

  #lay(boxes) {
    const left = Math.floor(Math.min(...boxes.map((box) => box.left)));
    const top = Math.floor(Math.min(...boxes.map((box) => box.top)));
    const right = Math.ceil(Math.max(...boxes.map((box) => box.left + box.width)));
    const bottom = Math.ceil(Math.max(...boxes.map((box) => box.top + box.height)));
    const cells = boxes.map(({ cell, ...box }) => ({
      id: cell.dataset.cell,
      token: cell.dataset.token,
      x: Math.round(box.left - left),
      y: Math.round(box.top - top),
      w: Math.round(box.width),
      h: Math.round(box.height),
      font: cell.dataset.font,
    }));
    const place = this.#channel.frame.style;
    place.left = `${left}px`;
    place.top = `${top}px`;
    place.width = `${Math.max(right - left, MENU_WIDTH)}px`;
    place.height = `${Math.max(bottom - top, MENU_HEIGHT)}px`;
    place.clipPath = this.#open ? "none" : outline(cells);
    this.#channel.post({ type: "show", purpose: this.#group.dataset.purpose, cells });
  }
}

const outline = (cells) => `path("${cells.map(({ x, y, w, h }) => `M${x} ${y}h${w}v${h}h-${w}z`).join("")}")`;
