// Which purpose a full value is asked for. One choice lasts for this frame's life; it is never stored.

import { post } from "./channel.js";
import { judge, unwatch, watch } from "./guard.js";
import { t, title } from "./text.js";

let available = []; // [{id, title: {ru, en}, classes: [...]}], as the vault says for this reader
let remembered = null;

export const learn = (purposes) => {
  available = purposes;
};

export const purposesFor = (classId) => available.filter((purpose) => purpose.classes.includes(classId));

// The purpose to use without asking, or null when the reader has to choose.
export const settledPurpose = (classId) => {
  const open = purposesFor(classId);
  if (open.length === 1) return open[0];
  return open.find((purpose) => purpose.id === remembered) ?? null;
};

let close = () => {};

// Asks beside the element; resolves to a purpose, or null when the reader turned away.
export const ask = (element, classId, { preferred }) => {
  close();
  const open = purposesFor(classId);
  const menu = document.createElement("div");
  menu.className = "menu";
  menu.ariaDisabled = "true"; // until it has been seen
  menu.setAttribute("role", "menu");
  menu.setAttribute("aria-label", t("choose_purpose"));
  const heading = document.createElement("p");
  heading.textContent = t("choose_purpose");
  menu.append(heading);
  return new Promise((resolve) => {
    const finish = (purpose) => {
      document.removeEventListener("pointerdown", outside, true);
      unwatch(menu);
      menu.remove();
      post({ type: "menu", open: false });
      close = () => {};
      if (purpose) remembered = purpose.id;
      element.focus({ preventScroll: true });
      resolve(purpose);
    };
    const outside = (event) => {
      if (!menu.contains(event.target)) finish(null);
    };
    const buttons = open.map((purpose) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("role", "menuitem");
      button.textContent = title(purpose.title);
      button.addEventListener("click", (event) => {
        if (judge(event, menu) === "yes") finish(purpose);
      });
      menu.append(button);
      return button;
    });
    menu.addEventListener("keydown", (event) => {
      const at = buttons.indexOf(document.activeElement);
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) buttons[(at + step + buttons.length) % buttons.length].focus();
      else if (event.key === "Escape") finish(null);
      else if (event.key === "Tab") finish(null);
      else return;
      event.stopPropagation();
      event.preventDefault();
    });
    document.addEventListener("pointerdown", outside, true);
    close = () => finish(null);
    post({ type: "menu", open: true }); // a page that clips the frame to its cells makes room
    document.body.append(menu);
    place(menu, element);
    watch(menu, (settled) => {
      menu.ariaDisabled = settled ? "false" : "true";
    });
    const first = open.findIndex((purpose) => purpose.id === (remembered ?? preferred));
    buttons[Math.max(first, 0)].focus();
  });
};

// Below the element where there is room, else above, else over it; always inside the frame.
const place = (menu, element) => {
  const at = element.getBoundingClientRect();
  const box = menu.getBoundingClientRect();
  const below = at.bottom + 4;
  const above = at.top - 4 - box.height;
  let top = below;
  if (below + box.height > window.innerHeight) top = above >= 0 ? above : window.innerHeight - box.height - 2;
  menu.style.top = `${Math.max(0, top)}px`;
  menu.style.left = `${Math.max(0, Math.min(at.left, window.innerWidth - box.width - 2))}px`;
};
