// What the page says back: toasts, "copied", a busy button, a request that failed.

const said = document.body.dataset;

function toast(text) {
  const box = document.createElement("div");
  box.className = "toast";
  box.textContent = text;
  const toasts = document.getElementById("toasts");
  toasts.replaceChildren(box);
  setTimeout(() => box.remove(), Math.max(4000, text.length * 90));
}

// Also the server's way to speak after an htmx request: HX-Trigger: {"toast": {"text": "…"}}
document.addEventListener("toast", (event) => toast(event.detail.text ?? event.detail.value));

document.addEventListener("click", async (event) => {
  const dismiss = event.target.closest("[data-dismiss]");
  if (dismiss) dismiss.closest(".notice").remove();

  const copy = event.target.closest("[data-copy]");
  if (!copy) return;
  const text = copy.dataset.copy || copy.parentElement.querySelector("code").textContent.trim();
  try {
    await navigator.clipboard.writeText(text);
    toast(said.copied);
  } catch {
    toast(said.copyFailed);
  }
});

// A form that was sent shows it, and is not sent twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-busy]") || event.defaultPrevented) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  event.submitter?.setAttribute("aria-busy", "true");
});

// Back from the next page by the browser's cache: the form may be sent again.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
  }
});

document.addEventListener("htmx:sendError", () => toast(said.unreachable));
document.addEventListener("htmx:timeout", () => toast(said.unreachable));
document.addEventListener("htmx:responseError", () => toast(said.failed));
