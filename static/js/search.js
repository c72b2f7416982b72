// The list under the search field: htmx fetches it, the arrows go through it, Enter opens.

const input = document.querySelector("[data-search]");
const list = document.getElementById("suggestions");

if (input && list) {
  const options = () => [...list.querySelectorAll("[role=option]")];
  const isOpen = () => !list.hidden;

  function choose(chosen) {
    for (const option of options()) option.setAttribute("aria-selected", option === chosen);
    if (chosen) {
      input.setAttribute("aria-activedescendant", chosen.id);
      chosen.scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  }

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    choose(null);
  }

  function open() {
    if (!options().length || document.activeElement !== input) return close();
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  }

  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");

  list.addEventListener("htmx:afterSwap", open);
  input.addEventListener("focus", open);
  input.addEventListener("blur", close);
  // A press in the list keeps the focus in the field, so that the list stays until the click.
  list.addEventListener("mousedown", (event) => event.preventDefault());

  input.addEventListener("keydown", (event) => {
    const all = options();
    const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "Escape" && isOpen()) {
      event.preventDefault();
      close();
    } else if (event.key === "Enter" && isOpen() && at >= 0) {
      event.preventDefault();
      all[at].click();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && all.length) {
      event.preventDefault();
      if (!isOpen()) open();
      const to = at + (event.key === "ArrowDown" ? 1 : -1);
      choose(to < 0 || to >= all.length ? null : all[to]);
    }
  });
}
