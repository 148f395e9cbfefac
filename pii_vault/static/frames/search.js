// The search frame: a phone number, an email or a part of one in, tokens of whoever has it out.

import { call } from "./api.js";
import { isText, listen, post } from "./channel.js";
import { dress, t } from "./text.js";
import { PARTS, SENTENCES, isPart, problem, wayOf } from "./ways.js";

const MOST_BY_PART = 20; // the vault gives no more for a part

const form = document.querySelector("form");
const input = document.querySelector("input");
const button = document.querySelector("button");
const label = document.querySelector("label");
const status = document.querySelector(".status");

let purpose = "";
let classes = [];
let ways = null; // what the vault leaves open; null until it was asked
let waysAsked = Promise.resolve();
let busy = false;

const say = (key, kind = "plain", count = null) => {
  status.dataset.kind = kind;
  status.textContent = count === null ? t(key) : `${t(key)}: ${count}`;
  input.ariaInvalid = kind === "error" ? "true" : "false";
};

const open = (message) => {
  if (!isText(message.purpose) || !Array.isArray(message.classes)) return;
  dress(message);
  purpose = message.purpose;
  classes = message.classes.filter((classId) => Object.hasOwn(PARTS, classId));
  ways = null;
  const only = classes.length === 1 ? classes[0] : null;
  const key = { phone: "search_phone", email: "search_email", name: "search_name" }[only] ?? "search_label";
  label.textContent = t(key);
  input.placeholder = t(key);
  input.inputMode = only === "phone" ? "tel" : "text";
  button.textContent = t("search");
  form.hidden = classes.length === 0;
  if (document.hasFocus()) input.focus(); // the page's focus came before there was a field to take it
  hint();
  waysAsked = askWays();
};

const find = ({ classId, match }) => ways?.find((way) => way.class === classId && way.match === match);

// Without an answer only whole values are offered: they need no plan, and the search itself says what is wrong.
const askWays = async () => {
  const answer = await call("ways", { purpose });
  if (answer.ok) ways = answer.body.ways;
  else if (answer.status === 401) post({ type: "session_needed" });
  hint();
};

// What may be typed here, and once something is typed, how it will be read.
const hint = () => {
  const text = input.value.trim();
  const way = text === "" ? null : wayOf(text, classes);
  if (way !== null && isPart(way)) {
    say(find(way)?.on ? SENTENCES[way.match].by : offKey(way));
    return;
  }
  const offered = classes.filter((classId) => find({ classId, match: PARTS[classId] })?.on);
  const parts = offered.map((classId) => t(SENTENCES[PARTS[classId]].offer));
  status.textContent = [t("search_hint"), ...parts].join(t("or"));
  status.dataset.kind = "plain";
  input.ariaInvalid = "false";
};

// Closed by the policies, or not indexed in this shop: two different people can change that.
const offKey = (way) => (find(way) === undefined && ways !== null ? "search_denied" : SENTENCES[way.match].off);

const work = (on) => {
  busy = on;
  button.ariaBusy = on ? "true" : "false";
  button.textContent = on ? t("searching") : t("search");
};

const submit = async (event) => {
  event.preventDefault();
  if (!event.isTrusted || busy) return;
  const text = input.value.trim();
  const way = wayOf(text, classes);
  work(true);
  await waysAsked; // a slow answer must neither be taken for a closed way nor cover what is said now
  const wrong = problem(way, text, classes) ?? (isPart(way) && !find(way)?.on ? offKey(way) : null);
  if (wrong !== null) {
    work(false);
    say(wrong, "error");
    input.focus();
    return;
  }
  const answer = await call("search", { purpose, class: way.classId, value: text, match: way.match });
  work(false);
  conclude(answer, way);
};

const conclude = (answer, way) => {
  if (answer.ok) {
    const { subjects } = answer.body;
    const most = isPart(way) && subjects.length >= MOST_BY_PART;
    say(subjects.length === 0 ? "nobody" : most ? "found_most" : "found", "plain", subjects.length || null);
    post({ type: "found", subjects: subjects.map(({ subject, tokens }) => ({ subject, tokens })) });
  } else if (answer.status === 401) {
    say("sign_in_reason", "error");
    post({ type: "session_needed" });
  } else if (answer.status === 503) {
    say("away", "error");
    button.textContent = t("retry");
    post({ type: "unavailable" });
  } else if (answer.code === "invalid_value") {
    say(problem(way, "", classes), "error");
  } else {
    say({ 403: "search_denied", 429: "search_limit" }[answer.status] ?? "failed_search", "error");
    post({ type: "denied", code: answer.code });
  }
};

form.addEventListener("submit", submit);
input.addEventListener("input", hint);
window.addEventListener("focus", () => input.focus()); // the page focused the frame: the reader wants to type
window.addEventListener("pagehide", () => form.reset());

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") post({ type: "dismissed" }); // the page cannot hear keys that are pressed here
});

listen({ open });
