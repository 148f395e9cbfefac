// Short messages: what the server put into the page, and what went wrong with a request of htmx.

const SHOWN_MS = 6000;
const place = document.getElementById("toasts");

const fade = (toast) => setTimeout(() => toast.remove(), SHOWN_MS);

const say = (text) => {
  const toast = document.createElement("div");
  toast.className = "larets-toast larets-toast-bad";
  toast.textContent = text;
  place.append(toast);
  fade(toast);
};

for (const toast of place.querySelectorAll("[data-toast]")) fade(toast);

document.addEventListener("htmx:sendError", () => say(place.dataset.lost));
document.addEventListener("htmx:timeout", () => say(place.dataset.lost));
document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  const ours = xhr.getResponseHeader("content-type")?.startsWith("text/plain");
  say(ours && xhr.responseText ? xhr.responseText : place.dataset.failed);
});
