// The reveal frame: draws every cell of one list or card, and shows a value at the reader's press.

import { call } from "./api.js";
import { Cell } from "./cell.js";
import { isText, listen, post } from "./channel.js";
import { judge } from "./guard.js";
import { ask, learn, purposesFor, settledPurpose } from "./purposes.js";
import { classTitles, dress, t, title } from "./text.js";

const MOST_CELLS = 1000;
const MOST_TOKEN = 100;
const CLOSED = new Set(["denied", "consent_missing", "blocked"]); // the mask stays, the press is answered

const titles = classTitles();
const cells = new Map(); // the page's id of a cell -> Cell
let purpose = "";
let sessionSaid = false;
let round = 0; // answers of an earlier show are dropped

const isCell = (cell) =>
  cell !== null &&
  typeof cell === "object" &&
  isText(cell.id) &&
  isText(cell.token, MOST_TOKEN) &&
  cell.token.startsWith("tok_") &&
  [cell.x, cell.y, cell.w, cell.h].every((size) => Number.isFinite(size));

const show = (message) => {
  if (!isText(message.purpose) || !Array.isArray(message.cells)) return;
  dress(message);
  if (message.cells.length > MOST_CELLS) {
    post({ type: "denied", code: "too_many_cells" });
    return;
  }
  const wanted = message.cells.filter(isCell);
  const same =
    message.purpose === purpose &&
    wanted.length === cells.size &&
    wanted.every((cell) => cells.get(cell.id)?.token === cell.token);
  purpose = message.purpose;
  if (!same) replace(wanted);
  for (const cell of wanted) cells.get(cell.id).place(cell);
  if (!same) drawMasks();
  else relabel();
};

const replace = (wanted) => {
  for (const cell of cells.values()) cell.remove();
  cells.clear();
  for (const { id, token } of wanted) cells.set(id, new Cell(token, press));
};

// One request for the whole screen, whatever the number of rows.
const drawMasks = async () => {
  const mine = ++round;
  for (const cell of cells.values()) cell.say("loading");
  const tokens = [...new Set([...cells.values()].map((cell) => cell.token))];
  if (tokens.length === 0) return;
  const answer = await call("mask", { purpose, items: tokens.map((token) => ({ token })) });
  if (mine !== round) return;
  if (answer.ok) {
    learn(answer.body.purposes);
    const results = new Map(tokens.map((token, at) => [token, answer.body.items[at]]));
    for (const cell of cells.values()) draw(cell, results.get(cell.token));
  } else if (answer.status === 401) {
    needSession();
  } else if (answer.status === 503 || answer.status === 429) {
    for (const cell of cells.values()) lostVault(cell);
    post({ type: "unavailable" });
  } else {
    for (const cell of cells.values()) cell.say("denied", { text: "—", note: t("denied"), label: label(cell) });
    post({ type: "denied", code: answer.code });
  }
};

const label = (cell) => title(titles[cell.classId]);

const draw = (cell, result) => {
  cell.result = result;
  const openable = purposesFor(cell.classId).length > 0;
  if (result.mask !== undefined) {
    cell.mask(result.mask, { label: label(cell), openable, note: openable ? pressNote(cell) : "" });
  } else {
    refuse(cell, result, openable);
  }
  cell.result = { error: result.error, reason: result.reason }; // the mask stays in the document only
};

const refuse = (cell, { error, reason }, openable = false) => {
  const name = label(cell);
  if (error === "erased") cell.say("erased", { label: name, text: t("erased"), note: t("erased_reason") });
  else if (error === "unknown_token" || error === "malformed_token" || error === "unknown_class")
    cell.say("unknown", { label: name, text: t("unknown"), note: t("unknown_reason") });
  else if (openable) cell.say("hidden", { label: name, text: t("hidden"), note: pressNote(cell), openable });
  else cell.say("denied", { label: name, text: "—", note: reasonText(error, reason) });
};

const reasonText = (error, reason) => {
  const ours = { consent_missing: t("consent_missing"), blocked: t("blocked") }[error] ?? t("denied");
  return reason ? `${ours}: ${reason}` : ours;
};

const pressNote = (cell) => {
  const chosen = settledPurpose(cell.classId);
  const several = purposesFor(cell.classId).length > 1;
  const parts = [t("show")];
  if (chosen) parts.push(`${t("purpose_is")}: ${title(chosen.title)}`);
  if (chosen && several) parts.push(t("other_purpose"));
  return parts.join(". ");
};

// Said once unasked; whatever comes later is the reader's own press on "Sign in".
const needSession = () => {
  for (const cell of cells.values()) askForSession(cell);
  if (!sessionSaid) post({ type: "session_needed" });
  sessionSaid = true;
};

const askForSession = (cell) =>
  cell.say("session", { label: label(cell), text: t("sign_in"), note: t("sign_in_reason"), openable: true });

const lostVault = (cell) =>
  cell.say("away", { label: label(cell), text: t("retry"), note: t("away_reason"), openable: true });

const press = (cell, event) => {
  const menuAsked = event.type === "contextmenu";
  if (menuAsked) event.preventDefault();
  if (!cell.openable || cell.busy) return;
  if (cell.state === "session") {
    if (event.isTrusted) post({ type: "session_needed" });
    return;
  }
  if (cell.state === "away") {
    if (event.isTrusted) drawMasks();
    return;
  }
  const verdict = judge(event, cell.face);
  if (verdict === "covered") cell.flash(t("covered"));
  if (verdict === "yes") open(cell, { menuAsked });
};

const open = async (cell, { menuAsked }) => {
  const mine = round;
  let chosen = menuAsked ? null : settledPurpose(cell.classId);
  chosen ??= await ask(cell.face, cell.classId, { preferred: purpose });
  if (chosen === null || mine !== round) return;
  cell.busy = true;
  cell.root.dataset.busy = "true";
  const answer = await call("reveal", { purpose: chosen.id, items: [{ token: cell.token }] });
  cell.busy = false;
  delete cell.root.dataset.busy;
  if (mine !== round || document.hidden) return;
  settle(cell, answer, chosen);
};

const settle = (cell, answer, chosen) => {
  const note = `${t("purpose_is")}: ${title(chosen.title)}. ${t("for_seconds")}`;
  if (answer.ok) {
    const [result] = answer.body.items;
    if (result.value !== undefined) cell.show(result.value, { note });
    else if (result.mask !== undefined) cell.flash(t("only_mask")); // the policy's condition, mostly the second factor
    else if (CLOSED.has(result.error)) cell.flash(reasonText(result.error, result.reason));
    else refuse(cell, result);
    relabel();
    return;
  }
  if (answer.status === 401) {
    needSession();
  } else if (answer.status === 503) {
    cell.flash(t("away"));
    post({ type: "unavailable" });
  } else {
    cell.flash({ 403: t("denied"), 429: t("limit") }[answer.status] ?? t("failed"));
    post({ type: "denied", code: answer.code });
  }
};

const relabel = () => {
  for (const cell of cells.values()) {
    if (cell.openable && (cell.state === "mask" || cell.state === "hidden")) cell.face.title = pressNote(cell);
  }
};

document.addEventListener("visibilitychange", () => {
  for (const cell of cells.values()) document.hidden ? cell.hide() : cell.hideIfDue();
});
window.addEventListener("pagehide", () => {
  for (const cell of cells.values()) cell.hide();
});

listen({ show });
