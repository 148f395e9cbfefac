// What was typed tells by itself how it is looked for: a whole value, or a part of one.

// Class → the kind of part it may be found by.
export const PARTS = { phone: "last4", email: "domain", name: "prefix" };

// Of each part: how it is offered, how a text is read as it, and why it cannot be looked for.
export const SENTENCES = {
  last4: { offer: "or_last4", by: "by_last4", off: "no_last4" },
  domain: { offer: "or_domain", by: "by_domain", off: "no_domain" },
  prefix: { offer: "or_prefix", by: "by_prefix", off: "no_prefix" },
};

const DIGITS_ONLY = /^[\d\s()+.\-–—]+$/u;
const DOMAIN = /^@?[^\s@]+(\.[^\s@]+)+$/u;
const LETTERS = /\p{L}/gu;
const LAST = 4;
const LEAST_LETTERS = 3;

const digitsOf = (text) => text.replace(/\D/gu, "");

// The way of a text, among the classes that are asked for. Null only for an empty text.
export const wayOf = (text, classes) => {
  if (text === "") return null;
  if (DIGITS_ONLY.test(text)) {
    return { classId: "phone", match: digitsOf(text).length === LAST ? "last4" : "exact" };
  }
  if (text.indexOf("@") > 0) return { classId: "email", match: "exact" };
  if (text.startsWith("@") || (DOMAIN.test(text) && classes.includes("email"))) {
    return { classId: "email", match: "domain" };
  }
  return { classId: "name", match: "prefix" };
};

export const isPart = (way) => way !== null && way.match !== "exact";

const LOOKS = {
  last4: (text) => digitsOf(text).length === LAST,
  domain: (text) => DOMAIN.test(text),
  prefix: (text) => (text.match(LETTERS) ?? []).length >= LEAST_LETTERS,
};
const WHOLE = {
  email: (text) => /^[^\s@]+@[^\s@]+\.[^\s@]+$/u.test(text),
  phone: (text) => digitsOf(text).length >= 10,
};

// The sentence that says what is wrong with a text, or null when it can be looked for.
export const problem = (way, text, classes) => {
  if (way === null || !classes.includes(way.classId)) {
    const only = classes.length === 1 ? classes[0] : null;
    return { phone: "bad_phone", email: "bad_email", name: "bad_name" }[only] ?? "bad_search";
  }
  const fits = way.match === "exact" ? WHOLE[way.classId](text) : LOOKS[way.match](text);
  return fits ? null : { phone: "bad_phone", email: "bad_email", name: "bad_name" }[way.classId];
};
