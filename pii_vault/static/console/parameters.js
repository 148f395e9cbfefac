// A row for each {{given.name}} as it is typed, so that its kind is chosen before the form is sent. Without this script
// the vault answers with the form and its rows.

const fieldset = document.querySelector(".parameters");
const rows = fieldset.querySelector(".parameter-rows");
const blank = fieldset.querySelector("template");
const texts = [...fieldset.form.querySelectorAll("[name=subject], [name=text], [name=html], [name=request]")];
const kept = new Map(); // by name, those that left the text too: a slip of the hand loses no choice

const nameOf = (row) => row.querySelector("code").textContent;

const rowOf = (name) => {
  const known = kept.get(name);
  if (known !== undefined) return known;
  const row = blank.content.cloneNode(true).querySelector(".parameter");
  row.querySelector("code").textContent = name;
  for (const field of row.querySelectorAll("[name]")) field.name += name;
  kept.set(name, row);
  return row;
};

const show = () => {
  const found = texts.flatMap((field) => [...field.value.matchAll(/\{\{\s*given\.([a-z_]{1,40})\s*\}\}/g)]);
  const names = [...new Set(found.map((match) => match[1]))];
  if (names.join() === [...rows.children].map(nameOf).join()) return;
  rows.replaceChildren(...names.map(rowOf));
  fieldset.hidden = names.length === 0;
};

for (const row of rows.children) kept.set(nameOf(row), row);
for (const field of texts) field.addEventListener("input", show);
show(); // what a browser filled in by itself after a step back
