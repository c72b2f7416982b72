// The strength slider's fill and figure, and panels that become tabs.

function showStrength(range) {
  const span = range.max - range.min || 1;
  range.style.setProperty("--at", (range.value - range.min) / span);
  range.dataset.ready = "";
  const output = document.querySelector(`output[for="${range.id}"]`);
  if (output) output.textContent = Number(range.value).toFixed(decimals(range.step));
  for (const shown of document.querySelectorAll(`[data-shown-by="${range.id}"]`)) {
    shown.classList.toggle("shown", Math.abs(shown.dataset.strength - range.value) < 1e-6);
  }
}

const decimals = (step) => (step.split(".")[1] ?? "").length;

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-range]")) showStrength(event.target);
});

function makeTabs(panels) {
  const list = panels.querySelector(".tab-list");
  const tabs = [...list.querySelectorAll('a[href^="#"]')];
  const panelOf = (tab) => document.getElementById(tab.hash.slice(1));

  function select(chosen) {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", tab === chosen);
      tab.tabIndex = tab === chosen ? 0 : -1;
      panelOf(tab).hidden = tab !== chosen;
    }
  }

  list.setAttribute("role", "tablist");
  for (const tab of tabs) {
    const panel = panelOf(tab);
    tab.setAttribute("role", "tab");
    tab.id ||= `${panel.id}-tab`;
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    panel.tabIndex = 0;
  }
  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (!tab) return;
    event.preventDefault();
    select(tab);
  });
  list.addEventListener("keydown", (event) => {
    const forward = getComputedStyle(list).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const back = forward === "ArrowRight" ? "ArrowLeft" : "ArrowRight";
    const at = tabs.indexOf(document.activeElement);
    const to = { [forward]: at + 1, [back]: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    const tab = tabs.at(to % tabs.length);
    select(tab);
    tab.focus();
  });
  select(tabs.find((tab) => tab.hash === location.hash) ?? tabs[0]);
}

// Also what htmx brings in later.
function prepare(root) {
  root.querySelectorAll("[data-range]").forEach(showStrength);
  root.querySelectorAll("[data-panels]").forEach(makeTabs);
}

// On a phone the side navigation scrolls: show where one is.
document.querySelector(".side-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

prepare(document);
document.addEventListener("htmx:load", (event) => {
  if (event.target !== document.body) prepare(event.target);
});

// On a phone the pages of the account are a strip: the present one is brought into sight.
document.querySelector(".side-nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
