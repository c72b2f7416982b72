// Cards that go through their strengths, walls that grow, keys for those who like them.

const still = matchMedia("(prefers-reduced-motion: reduce)");
const PACE = 550;
const NEAR = "1200px";

// --- One card -----------------------------------------------------------------------------------

// The other strengths are fetched when somebody first looks closer.
function shotsOf(card) {
  if (card.shots) return card.shots;
  const shown = card.querySelector(".shot-shown");
  const picture = card.querySelector("[data-shots]");
  card.shots = [...card.querySelectorAll(".strip > [data-src]")].map((tick) => {
    const strength = tick.dataset.strength;
    if (strength === shown.dataset.strength) return { tick, strength, image: null };
    const image = new Image(480, 640);
    image.className = "shot-other";
    image.alt = "";
    image.src = tick.dataset.src;
    picture.querySelector(".shot-shown").after(image);
    return { tick, strength, image };
  });
  card.home = card.shots.findIndex((shot) => !shot.image);
  card.at = card.home;
  return card.shots;
}

function show(card, at) {
  const shots = shotsOf(card);
  card.at = Math.max(0, Math.min(shots.length - 1, at));
  shots.forEach((shot, index) => {
    shot.tick.classList.toggle("shown", index === card.at);
    shot.image?.classList.toggle("shown", index === card.at);
  });
  const { strength } = shots[card.at];
  card.querySelector("[data-figure]").textContent = strength;
  card.classList.add("shot-playing");
  const copy = card.querySelector("[data-copy]");
  copy.dataset.recommended ??= copy.dataset.copy;
  copy.dataset.copy = copy.dataset.copy.replace(/[^:]*>$/, `${strength}>`);
}

function rest(card) {
  clearInterval(card.playing);
  if (!card.shots) return;
  show(card, card.home);
  card.classList.remove("shot-playing");
  const copy = card.querySelector("[data-copy]");
  copy.dataset.copy = copy.dataset.recommended;
}

// Once through all strengths, from the base model's picture on, and back to the one that works.
function play(card) {
  clearInterval(card.playing);
  if (still.matches) return;
  let at = 0;
  const next = () => (at < shotsOf(card).length ? show(card, at++) : rest(card));
  next();
  card.playing = setInterval(next, PACE);
}

const playable = (target) => {
  const card = target instanceof Element && target.closest("[data-card]");
  return card && card.querySelector("[data-shots]") ? card : null;
};

function follow(card, x) {
  const box = card.querySelector("[data-shots]").getBoundingClientRect();
  const share = (x - box.left) / box.width;
  const way = getComputedStyle(card).direction === "rtl" ? 1 - share : share;
  clearInterval(card.playing);
  show(card, Math.floor(way * shotsOf(card).length));
}

const within = (card, event) => {
  const box = card.querySelector("[data-shots]").getBoundingClientRect();
  return event.clientY >= box.top && event.clientY <= box.bottom;
};

document.addEventListener("pointermove", (event) => {
  const card = playable(event.target);
  if (!card) return;
  if (event.target.closest(".shot-actions, .like, .card-by")) return;
  if (within(card, event)) follow(card, event.clientX);
  else if (event.pointerType === "mouse") rest(card);
});

document.addEventListener("pointerout", (event) => {
  const card = playable(event.target);
  if (card && !card.contains(event.relatedTarget)) rest(card);
});

document.addEventListener("focusin", (event) => {
  const card = playable(event.target);
  if (card && event.target.matches(".card-name a:focus-visible")) play(card);
});

document.addEventListener("focusout", (event) => {
  const card = playable(event.target);
  if (card && !card.contains(event.relatedTarget)) rest(card);
});

// What is above the viewer's level is fetched when he asks for it.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-uncover]");
  if (!button) return;
  const cover = button.closest(".shot-covered");
  const image = new Image(480, 640);
  image.alt = button.dataset.alt;
  image.src = button.dataset.uncover;
  const card = button.closest("[data-card]");
  cover.replaceWith(image);
  card?.querySelector(".card-name a").focus();
});

// --- Keys ---------------------------------------------------------------------------------------

const links = () => [...document.querySelectorAll("[data-wall] .card-name a")];
const typing = (element) => element.isContentEditable || element.matches("input:not([type=checkbox], [type=radio]), textarea, select");

function go(from, key) {
  const all = links();
  const rtl = getComputedStyle(document.documentElement).direction === "rtl";
  const at = all.indexOf(from);
  const step = { ArrowRight: rtl ? -1 : 1, ArrowLeft: rtl ? 1 : -1 }[key];
  if (step) return all[at + step];
  // The nearest in the next row up or down.
  const here = from.closest("[data-card]").getBoundingClientRect();
  const down = key === "ArrowDown";
  const rows = all
    .map((link) => ({ link, box: link.closest("[data-card]").getBoundingClientRect() }))
    .filter(({ box }) => (down ? box.top > here.top + 1 : box.top < here.top - 1));
  const row = (down ? Math.min : Math.max)(...rows.map(({ box }) => box.top));
  return rows
    .filter(({ box }) => Math.abs(box.top - row) < 2)
    .sort((a, b) => Math.abs(a.box.left - here.left) - Math.abs(b.box.left - here.left))[0]?.link;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "?") {
    document.getElementById("keys")?.showModal();
    return;
  }
  const card = event.target.closest("[data-card]");
  const link = card?.querySelector(".card-name a");
  if (event.key.startsWith("Arrow")) {
    const sideways = event.key === "ArrowRight" || event.key === "ArrowLeft";
    const first = event.target === document.body && sideways ? links()[0] : null;
    const to = link && card.closest("[data-wall]") ? go(link, event.key) : first;
    if (!to) return;
    event.preventDefault();
    to.focus();
    return;
  }
  if (!card) return;
  const press = (selector) => card.querySelector(selector)?.click();
  if (event.key === "f") press("[data-like]");
  else if (event.key === "c") press("[data-copy]");
  else if (event.key === "d") press("[data-download]");
  else if (event.key === "x") press("[data-compare-with]");
  else if ((event.key === "[" || event.key === "]") && playable(card)) {
    clearInterval(card.playing);
    shotsOf(card);
    show(card, card.at + (event.key === "]" ? 1 : -1));
  }
});

// --- What is to be compared ---------------------------------------------------------------------

const MOST = 6;
const tray = document.getElementById("tray");
const chosen = () => JSON.parse(sessionStorage.getItem("compare") ?? "[]");

function choose(keys) {
  sessionStorage.setItem("compare", JSON.stringify(keys));
  showChosen();
}

function showChosen() {
  if (!tray) return;
  const keys = chosen();
  tray.hidden = !keys.length;
  tray.querySelector("[data-count]").textContent = keys.length;
  const go = tray.querySelector("a");
  go.href = `${go.pathname}?v=${keys.join(",")}`;
  for (const button of document.querySelectorAll("[data-compare-with]")) {
    button.classList.toggle("chosen", keys.includes(button.dataset.compareWith));
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-compare-with]");
  if (button && tray && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    const key = button.dataset.compareWith;
    const keys = chosen();
    choose(keys.includes(key) ? keys.filter((each) => each !== key) : [...keys, key].slice(-MOST));
  }
  if (event.target.closest("#tray [data-clear]")) choose([]);
});

addEventListener("pageshow", showChosen);

// --- A picture that is dropped anywhere ---------------------------------------------------------

const drop = document.getElementById("drop");
const holdsFile = (event) => event.dataTransfer?.types.includes("Files");

if (drop) {
  document.body.dataset.drop = drop.dataset.words;
  document.addEventListener("dragover", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    document.body.classList.remove("dropping");
    drop.elements.picture.files = event.dataTransfer.files;
    drop.submit();
  });
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-find]") && event.target.files.length) event.target.form.requestSubmit();
});

// --- The wall -----------------------------------------------------------------------------------

const near = new IntersectionObserver(
  (seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      htmx.trigger(target, "near");
    }
  },
  { rootMargin: `0px 0px ${NEAR} 0px` },
);

const watch = (root) => {
  if (root.matches?.("[data-more]")) near.observe(root);
  root.querySelectorAll("[data-more]").forEach((more) => near.observe(more));
};

watch(document);
document.addEventListener("htmx:load", (event) => {
  watch(event.target);
  showChosen();
});

// A menu of filters stays open while what it changes arrives; so does the place of its list.
const open = [];
document.addEventListener("htmx:beforeSwap", (event) => {
  open.length = 0;
  if (event.detail.target.id !== "gallery") return;
  for (const menu of document.querySelectorAll(".sieve-menu[open]")) {
    open.push({ id: menu.id, top: menu.querySelector(".menu-panel").scrollTop });
  }
});

document.addEventListener("htmx:afterSwap", () => {
  for (const { id, top } of open.splice(0)) {
    const menu = document.getElementById(id);
    if (!menu) continue;
    menu.open = true;
    menu.querySelector(".menu-panel").scrollTop = top;
  }
});
