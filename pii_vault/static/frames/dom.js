// Building elements. Text is set as text only; there is no way here to parse markup.

export const make = (tag, className, parent) => {
  const element = document.createElement(tag);
  element.className = className;
  parent.append(element);
  return element;
};
