// A draft's form: it saves itself (htmx), and what is not saved yet is kept in this browser, so that
// a session that ends, a crash or a closed tab loses nothing. And tags are completed.

const form = document.getElementById("details");
const key = `hyperhub.${form.dataset.keep}`;
const notKept = new Set(["csrfmiddlewaretoken", "do", "utc_offset", "at"]);
let unsaved = false;
let edits = 0;

// --- Kept in this browser --------------------------------------------------------------------------

function values() {
  return [...new FormData(form)].filter(([name]) => !notKept.has(name));
}

function keep() {
  unsaved = true;
  edits += 1;
  localStorage.setItem(key, JSON.stringify(values()));
  // Signing in again in another tab makes a new token.
  const token = /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1];
  if (token) form.elements.csrfmiddlewaretoken.value = token;
}

function forget() {
  unsaved = false;
  localStorage.removeItem(key);
}

const typed = (pairs) => JSON.stringify(pairs.filter(([name]) => name !== "seen"));

function putBack() {
  const kept = JSON.parse(localStorage.getItem(key) ?? "null");
  // A form that the hub has just sent back has what was typed in it, and its objections.
  if (!kept || form.querySelector(".theirs, [aria-invalid=true]")) return;
  if (typed(kept) === typed(values())) return forget();
  for (const field of form.querySelectorAll("input:not([type=hidden]), textarea, select")) {
    const given = kept.filter(([name]) => name === field.name).map(([, value]) => value);
    if (["checkbox", "radio"].includes(field.type)) field.checked = given.includes(field.value);
    else if (given.length) field.value = given[0];
  }
  // With what that form had seen: what another tab saved since is found out, not written over.
  document.getElementById("seen").value = kept.find(([name]) => name === "seen")?.[1] ?? "{}";
  document.dispatchEvent(new CustomEvent("toast", { detail: { text: form.dataset.kept } }));
  unsaved = true;
  // Once htmx listens.
  addEventListener("load", () => form.dispatchEvent(new Event("input", { bubbles: true })));
}

form.addEventListener("input", keep);
form.addEventListener("change", keep);

// --- Saving by itself, and by the button ------------------------------------------------------------

// A button first lets the form save itself: then nothing depends on how its own request ends. And it
// waits for what is being saved: two at once would take each other for another tab.
let busy = false;
let sent = 0;
let pressed = null;
let leaving = false;

form.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target !== form) return;
  busy = true;
  sent = edits;
});
form.addEventListener("htmx:afterRequest", (event) => {
  if (event.target !== form) return;
  busy = false;
  // After the answer and its digests are in the page.
  setTimeout(() => finish(event.detail.successful), 50);
});

function finish(answered) {
  const state = document.getElementById("save-state");
  if (answered && state.matches("[data-saved]") && edits === sent) forget();
  const submitter = pressed;
  pressed = null;
  if (!submitter || !answered || state.matches("[data-signed-out]")) return;
  leaving = true;
  form.requestSubmit(submitter);
}

form.addEventListener("submit", (event) => {
  if (leaving || (!busy && !unsaved)) return;
  event.preventDefault();
  pressed = event.submitter;
  if (!busy) htmx.trigger(form, "save-now");
});
window.addEventListener("beforeunload", (event) => {
  if (unsaved && !leaving) event.preventDefault();
});
window.addEventListener("pageshow", () => {
  leaving = false;
});

// --- The file's own facts ---------------------------------------------------------------------------

// A checked file says which base model it is for: the field is filled once, and saved.
document.addEventListener("htmx:afterSettle", (event) => {
  const state = event.target.closest?.("[data-suggested]");
  const field = form.elements.base_model;
  if (!state || !field || field.value) return;
  field.value = state.dataset.suggested;
  field.dispatchEvent(new Event("change", { bubbles: true }));
});

if ("fill" in form.dataset) {
  addEventListener("load", () => form.elements.base_model.dispatchEvent(new Event("change", { bubbles: true })));
}

// --- Times ------------------------------------------------------------------------------------------

const zone = document.querySelector("[data-zone]");
if (zone) {
  const at = form.elements.at;
  const offset = () => {
    const moment = at.value ? new Date(at.value) : new Date();
    document.querySelector("[data-utc-offset]").value = -moment.getTimezoneOffset();
  };
  offset();
  at.addEventListener("input", offset);
  zone.textContent = zone.dataset.zone.replace("%s", Intl.DateTimeFormat().resolvedOptions().timeZone);
}
for (const time of document.querySelectorAll("time[data-local]")) {
  time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang, {
    dateStyle: "medium",
    timeStyle: "short",
  });
}

// --- Tags: those that exist, for the last of those typed ---------------------------------------------

const tagField = form.querySelector("[data-tag-field]");
if (tagField) {
  const input = tagField.querySelector("input");
  const options = document.getElementById("tag-options");
  let asked = 0;
  let timer = 0;
  let chosen = -1;

  const each = () => [...options.children];

  function close() {
    options.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function choose(number) {
    chosen = (number + each().length) % each().length;
    each().forEach((option, at) => option.setAttribute("aria-selected", at === chosen));
    input.setAttribute("aria-activedescendant", each()[chosen].id);
    each()[chosen].scrollIntoView({ block: "nearest" });
  }

  function complete(option) {
    const before = input.value.split(",").slice(0, -1).map((part) => part.trim());
    input.value = [...before, option.dataset.tag, ""].join(", ");
    close();
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  async function ask() {
    const number = ++asked;
    const typed = input.value.split(",").at(-1).trim();
    if (!typed) return close();
    try {
      const answer = await fetch(`${tagField.dataset.suggestions}?tags=${encodeURIComponent(typed)}`);
      const html = answer.ok && !answer.redirected ? await answer.text() : "";
      if (number !== asked) return;
      options.innerHTML = html;
    } catch {
      return close();
    }
    options.hidden = !options.children.length || document.activeElement !== input;
    input.setAttribute("aria-expanded", !options.hidden);
    chosen = -1;
  }

  const said = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": options.id };
  for (const [name, value] of Object.entries(said)) input.setAttribute(name, value);
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 150);
  });
  input.addEventListener("keydown", (event) => {
    if (options.hidden) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) choose(chosen < 0 && step < 0 ? -1 : chosen + step);
    else if (event.key === "Enter" && chosen >= 0) complete(each()[chosen]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", close);
  options.addEventListener("pointerdown", (event) => event.preventDefault());
  options.addEventListener("click", (event) => {
    const option = event.target.closest("[data-tag]");
    if (option) complete(option);
  });
}

putBack();
