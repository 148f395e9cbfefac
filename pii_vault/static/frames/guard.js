// Is this press really the reader's, on something the reader really sees?
//
// A taken CRM page can cover the frame, make it invisible, or slide it under the pointer. It cannot forge a
// trusted event, and where the browser supports IntersectionObserver v2 it cannot hide that it covers a cell.

export const SHOWN_MS = 60000; // how long an opened value stays

// What has just appeared or moved cannot be pressed: nobody has seen it yet. As long as Chromium itself drops a tap
// on a frame that moved, so that a cell never looks pressable while a tap would vanish.
const SETTLE_MS = 500;

const supportsVisibility =
  "IntersectionObserverEntry" in window && "isVisible" in IntersectionObserverEntry.prototype;

const watched = new WeakMap(); // element -> {visible, settled, timer, onChange}

const lose = (element) => {
  const state = watched.get(element);
  clearTimeout(state.timer);
  state.visible = false;
  if (state.settled) state.onChange((state.settled = false));
};

const gain = (element) => {
  const state = watched.get(element);
  if (state.visible) return;
  state.visible = true;
  state.timer = setTimeout(() => state.onChange((state.settled = true)), SETTLE_MS);
};

const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting, isVisible } of entries) {
      if (!watched.has(target)) continue;
      if (isIntersecting && (!supportsVisibility || isVisible)) gain(target);
      else lose(target);
    }
  },
  supportsVisibility ? { threshold: [0.5], trackVisibility: true, delay: 100 } : { threshold: [0.5] },
);

// Called again when the element moves: the reader's eyes start anew.
export const watch = (element, onChange = () => {}) => {
  if (watched.has(element)) {
    lose(element);
    observer.unobserve(element);
  }
  watched.set(element, { visible: false, settled: false, timer: null, onChange });
  observer.observe(element);
};

export const unwatch = (element) => {
  if (watched.has(element)) lose(element);
  watched.delete(element);
  observer.unobserve(element);
};

// "yes", "forged" or "early" (both to be ignored silently), or "covered" (to be said).
export const judge = (event, element) => {
  if (!event.isTrusted) return "forged";
  const state = watched.get(element);
  if (!state?.visible) return "covered";
  return state.settled ? "yes" : "early";
};
