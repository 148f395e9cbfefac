// Copies an element's text by selecting it, as the reader would: a frame of another origin may not use the
// clipboard's own interface, and the text never passes through a variable of ours.

import { t } from "./text.js";

export const copyText = (element, button) => {
  const selection = window.getSelection();
  selection.selectAllChildren(element);
  if (!document.execCommand("copy")) return; // the selection stays, so Ctrl+C works
  selection.removeAllRanges();
  button.title = t("copied");
  button.dataset.done = "true";
  setTimeout(() => delete button.dataset.done, 1500);
};
