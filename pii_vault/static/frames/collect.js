// The collect frame: personal data typed by hand go straight to the vault; the page gets their tokens.

import { call } from "./api.js";
import { isText, listen, post } from "./channel.js";
import { Field } from "./field.js";
import { learn } from "./purposes.js";
import { classTitles, dress, t } from "./text.js";

const PURPOSE = "order_processing"; // of the masks beside fields that are being corrected
const MOST_FIELDS = 20;

const titles = classTitles();
const form = document.querySelector("form");
const list = document.querySelector(".fields");
const button = document.querySelector("button.primary");
const status = document.querySelector(".status");

let subject = null;
let fields = [];
let key = null; // one per text to be stored: a repeat after a lost answer stores nothing twice
let busy = false;
let purpose = PURPOSE;

const say = (text, kind = "plain") => {
  status.textContent = text;
  status.dataset.kind = kind;
};

const isField = (spec) =>
  spec !== null &&
  typeof spec === "object" &&
  Object.hasOwn(titles, spec.class) &&
  (spec.label === undefined || isText(spec.label, 80)) &&
  (spec.token === undefined || spec.token === null || isText(spec.token, 100));

const open = (message) => {
  if (!Array.isArray(message.fields) || message.fields.length > MOST_FIELDS) return;
  dress(message);
  subject = isText(message.subject) ? message.subject : null;
  purpose = isText(message.purpose) ? message.purpose : PURPOSE;
  const wanted = message.fields.filter(isField);
  const once = wanted.filter((spec, at) => wanted.findIndex((other) => other.class === spec.class) === at);
  list.replaceChildren();
  key = null;
  fields = once.map(
    (spec) => new Field(spec, { titles: titles[spec.class], parent: list, purpose, onEdit: edited }),
  );
  button.textContent = t("save");
  say("");
  form.hidden = fields.length === 0;
  describeCurrent();
};

const edited = () => {
  key = null;
  say("");
};

// Masks of what is being corrected; without them the form works all the same.
const describeCurrent = async () => {
  const known = fields.filter((field) => field.token !== null);
  if (known.length === 0) return;
  const answer = await call("mask", { purpose, items: known.map(({ token }) => ({ token })) });
  if (!answer.ok) {
    if (answer.status === 401) post({ type: "session_needed" });
    return;
  }
  learn(answer.body.purposes);
  known.forEach((field, at) => field.describe(answer.body.items[at]));
};

const submit = async (event) => {
  event.preventDefault();
  if (!event.isTrusted || busy) return;
  const missing = fields.filter((field) => field.missing);
  if (missing.length > 0) {
    for (const field of missing) field.complain(t("required"));
    missing[0].input.focus();
    say(t("fix_fields"), "error");
    return;
  }
  const sent = fields.filter((field) => field.fresh !== null);
  if (sent.length === 0) {
    say(t("nothing"));
    return;
  }
  key ??= crypto.randomUUID();
  work(true);
  const body = { items: sent.map((field) => ({ class: field.classId, value: field.fresh })) };
  if (subject !== null) body.subject = subject;
  const answer = await call("tokenise", body, { "idempotency-key": key });
  work(false);
  if (answer.ok) stored(answer.body);
  else failed(answer, sent);
};

const work = (on) => {
  busy = on;
  button.ariaBusy = on ? "true" : "false";
  button.textContent = on ? t("saving") : t("save");
  for (const field of fields) field.input.readOnly = on; // what is sent is what stands there
};

// `mixed`: texts with tokens in place, by class, of a shop whose officer lets them cross. The vault decides; nothing else
// that depends on a value is ever told to the page.
const stored = ({ subject: owner, tokens, mixed }) => {
  subject = owner;
  key = null;
  for (const field of fields) field.clear();
  say(t("saved"), "good");
  post({ type: "collected", tokens, subject: owner, ...(mixed ? { mixed } : {}) });
};

// Whatever went wrong, every field keeps what was typed into it.
const failed = (answer, sent) => {
  const marked = answer.errors.map(({ pointer }) => sent[Number(pointer.split("/")[2])]).filter(Boolean);
  if (marked.length > 0) {
    for (const field of marked) field.complain(sentenceOf(field.classId));
    marked[0].input.focus();
    say(t("fix_fields"), "error");
    return;
  }
  const sentence = { 401: "save_session", 403: "save_denied", 429: "limit", 503: "save_away" }[answer.status];
  say(t(sentence ?? "save_refused"), "error");
  if (answer.status === 503) button.textContent = t("retry");
  if (answer.status === 401) post({ type: "session_needed" });
  else if (answer.status === 503) post({ type: "unavailable" });
  else post({ type: "denied", code: answer.code });
};

const sentenceOf = (classId) =>
  t({ phone: "invalid_phone", email: "invalid_email" }[classId] ?? "invalid");

form.addEventListener("submit", submit);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) for (const field of fields) field.drop();
});
window.addEventListener("pagehide", () => {
  for (const field of fields) field.clear();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") post({ type: "dismissed" }); // the page cannot hear keys that are pressed here
});

listen({ open });
