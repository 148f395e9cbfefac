// Buttons that open dialogs; a press beside a dialog closes it, and what was typed in it stays.

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-dialog]");
  if (opener) {
    opener.closest("details")?.removeAttribute("open");
    const dialog = document.getElementById(opener.dataset.dialog);
    dialog?.showModal();
    dialog?.dispatchEvent(new Event("larets:open"));
  } else if (event.target instanceof HTMLDialogElement) {
    event.target.close();
  } else {
    for (const menu of document.querySelectorAll("details.reader[open]")) {
      if (!menu.contains(event.target)) menu.removeAttribute("open");
    }
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelector("details.reader[open]")?.removeAttribute("open");
});
