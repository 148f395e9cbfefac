// What every page starts.

import "./dialogs.js";
import "./filters.js";
import "./keyboard.js";
import "./toasts.js";
import { startFrames } from "./frames.js";

startFrames(document);
document.addEventListener("htmx:load", (event) => startFrames(event.target));
