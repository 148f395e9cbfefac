// The line to the page that embeds this frame. Version 1 of the protocol: docs/frames.md.
// Nothing that depends on a value is ever sent: no value, mask, length, height or focus. One exception, where the officer
// switched it on: a text with tokens in place (collect.js).

const VERSION = 1;
const pageOrigin = document.documentElement.dataset.pageOrigin;

export const post = (message) => {
  if (window.parent === window) return;
  window.parent.postMessage({ larets: VERSION, ...message }, pageOrigin);
};

// Calls the handler of the message's type; anything from elsewhere, or of another version, is not for us.
export const listen = (handlers) => {
  window.addEventListener("message", (event) => {
    if (event.origin !== pageOrigin || event.source !== window.parent || window.parent === window) return;
    const message = event.data;
    if (message === null || typeof message !== "object" || message.larets !== VERSION) return;
    if (!Object.hasOwn(handlers, message.type)) return;
    handlers[message.type](message);
  });
  post({ type: "ready" });
};

export const isText = (value, longest = 200) =>
  typeof value === "string" && value.length > 0 && value.length <= longest;
