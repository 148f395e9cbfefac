// Runs before the page is drawn: without a choice of the reader's own, the theme is the system's.
const root = document.documentElement;
root.classList.add("scripted");
if (!("themeChosen" in root.dataset)) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    root.dataset.bsTheme = dark.matches ? "dark" : "light";
  };
  dark.addEventListener("change", apply);
  apply();
}
