// Finds the places where the vault's frames draw, and gives each of them its frame once.

import { CollectForm } from "./collect.js";
import { RevealGroup } from "./reveal.js";
import { SearchForm } from "./search.js";

const KINDS = [
  ["[data-reveal]", RevealGroup],
  ["[data-collect]", CollectForm],
  ["[data-search]", SearchForm],
];

const started = new Map(); // element -> its frame's host

export const startFrames = (root) => {
  for (const [element, host] of started) {
    if (host.alive) continue;
    host.close();
    started.delete(element);
  }
  for (const [selector, Host] of KINDS) {
    const found = [...root.querySelectorAll(selector)];
    if (root instanceof Element && root.matches(selector)) found.push(root);
    for (const element of found) {
      if (!started.has(element)) started.set(element, new Host(element));
    }
  }
  // What was swapped may have moved or changed the cells of the groups that stay.
  for (const host of started.values()) host.measureSoon?.();
};
