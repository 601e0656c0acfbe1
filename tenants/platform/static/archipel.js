// Small comforts. Every page works without this file; it must never be needed to do something.

// A form that is on its way is not sent twice (the server would notice, but waiting calmly is better).
const ready = (form) => {
  delete form.dataset.sent;
  for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
};
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
  // An answer that never comes leaves the page as it was: one may try again.
  setTimeout(ready, 8000, form);
});

// Coming back with the browser's button finds the form ready again.
window.addEventListener("pageshow", () => {
  for (const form of document.forms) ready(form);
});

// After a refused form, the reader starts at what is to be corrected.
document.getElementById("errors")?.focus();

// A menu closes when one looks elsewhere, or with Escape.
const openMenus = () => document.querySelectorAll("details.menu[open]");
document.addEventListener("click", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// What is under way is looked at again until it is over. (Without this file, the page has a button for it.)
const look = async () => {
  const shown = document.querySelector("[data-under-way]");
  if (!shown) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-under-way]");
    if (!found) return location.reload();
    if (found.innerHTML !== shown.innerHTML) shown.innerHTML = found.innerHTML;
  } catch {
    // The connection is away for a moment.
  }
  setTimeout(look, 1500);
};
setTimeout(look, 1000);
