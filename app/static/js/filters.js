// The filter of a list: empty fields stay out of the address, and own dates appear when they are chosen.

document.addEventListener("change", (event) => {
  for (const part of document.querySelectorAll("[data-shown-for]")) {
    if (event.target.name === "period") part.hidden = event.target.value !== part.dataset.shownFor;
  }
});

document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt.id !== "filters") return;
  const { parameters } = event.detail;
  if (parameters.period !== "dates") {
    delete parameters.from;
    delete parameters.to;
  }
  for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
});
