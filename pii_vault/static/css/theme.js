// Follows the reader's system between light and dark; Tabler reads the attribute.
const dark = matchMedia("(prefers-color-scheme: dark)");
const apply = () => {
  document.documentElement.dataset.bsTheme = dark.matches ? "dark" : "light";
};
dark.addEventListener("change", apply);
apply();
