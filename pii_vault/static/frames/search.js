// The search frame: a whole phone number or email in, tokens of whoever has it out.

import { call } from "./api.js";
import { isText, listen, post } from "./channel.js";
import { dress, t } from "./text.js";

const form = document.querySelector("form");
const input = document.querySelector("input");
const button = document.querySelector("button");
const label = document.querySelector("label");
const status = document.querySelector(".status");

let purpose = "";
let classes = [];
let busy = false;

const say = (key, kind = "plain", count = null) => {
  status.dataset.kind = kind;
  status.textContent = count === null ? t(key) : `${t(key)}: ${count}`;
  input.ariaInvalid = kind === "error" ? "true" : "false";
};

// What was typed tells its own class: only an email has an @.
const classOf = (text) => (text.includes("@") ? "email" : "phone");

const looksWhole = {
  email: (text) => /^[^\s@]+@[^\s@]+\.[^\s@]+$/u.test(text),
  phone: (text) => /^[\d\s()+.\-–—]+$/u.test(text) && text.replace(/\D/gu, "").length >= 10,
};

const problem = (classId, text) => {
  if (!classes.includes(classId)) return classes[0] === "email" ? "bad_email" : "bad_phone";
  if (looksWhole[classId](text)) return null;
  if (classes.length > 1 && classId === "phone" && !/\d/u.test(text)) return "bad_search";
  return classId === "email" ? "bad_email" : "bad_phone";
};

const open = (message) => {
  if (!isText(message.purpose) || !Array.isArray(message.classes)) return;
  dress(message);
  purpose = message.purpose;
  classes = message.classes.filter((classId) => Object.hasOwn(looksWhole, classId));
  const only = classes.length === 1 ? classes[0] : null;
  const key = { phone: "search_phone", email: "search_email" }[only] ?? "search_label";
  label.textContent = t(key);
  input.placeholder = t(key);
  input.inputMode = only === "phone" ? "tel" : "email";
  button.textContent = t("search");
  say("search_hint");
  form.hidden = classes.length === 0;
};

const work = (on) => {
  busy = on;
  button.ariaBusy = on ? "true" : "false";
  button.textContent = on ? t("searching") : t("search");
};

const submit = async (event) => {
  event.preventDefault();
  if (!event.isTrusted || busy) return;
  const text = input.value.trim();
  const classId = classOf(text);
  const wrong = problem(classId, text);
  if (wrong !== null) {
    say(wrong, "error");
    input.focus();
    return;
  }
  work(true);
  const answer = await call("search", { purpose, class: classId, value: text });
  work(false);
  conclude(answer, classId);
};

const conclude = (answer, classId) => {
  if (answer.ok) {
    const { subjects } = answer.body;
    say(subjects.length === 0 ? "nobody" : "found", "plain", subjects.length === 0 ? null : subjects.length);
    post({ type: "found", subjects: subjects.map(({ subject, tokens }) => ({ subject, tokens })) });
  } else if (answer.status === 401) {
    say("sign_in_reason", "error");
    post({ type: "session_needed" });
  } else if (answer.status === 503) {
    say("away", "error");
    button.textContent = t("retry");
    post({ type: "unavailable" });
  } else if (answer.code === "invalid_value") {
    say(classId === "email" ? "bad_email" : "bad_phone", "error");
  } else {
    say({ 403: "search_denied", 429: "limit" }[answer.status] ?? "failed_search", "error");
    post({ type: "denied", code: answer.code });
  }
};

form.addEventListener("submit", submit);
input.addEventListener("input", () => say("search_hint"));
window.addEventListener("focus", () => input.focus()); // the page focused the frame: the reader wants to type
window.addEventListener("pagehide", () => form.reset());

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") post({ type: "dismissed" }); // the page cannot hear keys that are pressed here
});

listen({ open });
