// The strength viewer. The table of pictures is what there is to show: slider, ticks, chips, and the
// table itself choose a cell, and everything that names a strength on the page follows.

const viewer = document.querySelector("[data-viewer]");
if (viewer) makeViewer(viewer);

function makeViewer(viewer) {
  const stage = viewer.querySelector("[data-stage]");
  const range = viewer.querySelector("[data-strengths]");
  const split = viewer.querySelector("[data-split]");
  const splitToggle = viewer.querySelector("[data-split-toggle]");
  const gridToggle = viewer.querySelector("[data-grid-toggle]");
  const pictures = new Map();
  const drawn = stage.querySelector("[data-picture]");
  if (drawn) pictures.set(drawn.getAttribute("src"), drawn);

  const cells = () => [...viewer.querySelectorAll("[data-cell]")];
  const cellAt = (row, column) => cells().find((c) => c.dataset.row === String(row) && c.dataset.column === String(column));
  const cellsOf = (row) => cells().filter((cell) => cell.dataset.row === String(row));
  const shownRow = () => viewer.querySelector("[data-prompt][aria-current]")?.dataset.prompt ?? cells()[0].dataset.row;
  let shown = { row: shownRow(), column: range.value };

  function pictureOf(cell) {
    const { large, width, height } = cell.dataset;
    if (!large) return null;
    let picture = pictures.get(large);
    if (!picture) {
      picture = new Image(width, height);
      picture.className = "stage-picture";
      picture.draggable = false;
      picture.decoding = "sync";
      picture.alt = cell.querySelector("img").alt;
      picture.src = large;
      pictures.set(large, picture);
      split.before(picture);
    }
    return picture;
  }

  // Only when it can be painted: until then the one before stays.
  async function putOnStage(cell) {
    const picture = pictureOf(cell);
    if (picture && !picture.complete) await picture.decode().catch(() => {});
    if (cell.dataset.row !== String(shown.row) || cell.dataset.column !== String(shown.column)) return;
    for (const each of pictures.values()) each.classList.toggle("shown", each === picture);
    stage.querySelector("[data-stage-waiting]").hidden = Boolean(picture);
  }

  function show(row, column) {
    const cell = cellAt(row, column);
    if (!cell) return;
    shown = { row, column };
    const { strength, parameters = "", original } = cell.dataset;
    putOnStage(cell);
    range.value = column;
    range.setAttribute("aria-valuetext", strength);
    range.style.setProperty("--at", range.max > 0 ? column / range.max : 0);
    range.dataset.ready = "";
    for (const each of viewer.querySelectorAll("[data-strength-text]")) each.textContent = strength;
    mark(viewer.querySelectorAll("[data-tick]"), (tick) => tick.dataset.tick === String(column));
    mark(viewer.querySelectorAll("[data-prompt]"), (chip) => chip.dataset.prompt === String(row));
    for (const each of cells()) each.classList.toggle("shown", each === cell);
    for (const each of document.querySelectorAll("[data-at]")) each.classList.toggle("shown", each.dataset.at === strength);
    const tag = document.querySelector("[data-tag] code");
    if (tag) tag.textContent = `<hypernet:${viewer.dataset.stem}:${strength}>`;
    viewer.querySelector("[data-parameters]").textContent = parameters;
    if (original) viewer.querySelector("[data-original]").href = original;
    splitFrom(row);
  }

  function mark(elements, isCurrent) {
    for (const each of elements) {
      if (isCurrent(each)) each.setAttribute("aria-current", "true");
      else each.removeAttribute("aria-current");
    }
  }

  function remember() {
    const { query } = cellAt(shown.row, shown.column)?.dataset ?? {};
    if (query) history.replaceState(history.state, "", query + location.hash);
  }

  // The rest of the row, while nothing else is to do.
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 200));
  const prepareRow = () => idle(() => cellsOf(shown.row).forEach(pictureOf));

  // --- Split: the left part shows the picture without the network ---

  function splitFrom(row) {
    if (split.hidden) return;
    const without = cellsOf(row).find((cell) => Number(cell.dataset.strength) === 0);
    if (without?.dataset.large) split.querySelector("[data-without]").src = without.dataset.large;
  }

  const placeSplit = () => split.style.setProperty("--split", `${split.querySelector("[data-split-at]").value}%`);
  split.addEventListener("input", placeSplit);
  splitToggle?.addEventListener("click", () => {
    split.hidden = !split.hidden;
    splitToggle.setAttribute("aria-pressed", String(!split.hidden));
    placeSplit();
    splitFrom(shown.row);
    if (!split.hidden) split.querySelector("[data-split-at]").focus({ focusVisible: false });
  });

  // --- What chooses ---

  range.addEventListener("input", () => show(shown.row, Number(range.value)));
  range.addEventListener("change", remember);

  viewer.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const { tick, prompt } = event.target.closest("[data-tick], [data-prompt]")?.dataset ?? {};
    const cell = event.target.closest("[data-cell]:has(a)");
    if (!tick && !prompt && !cell) return;
    event.preventDefault();
    show(prompt ?? cell?.dataset.row ?? shown.row, Number(tick ?? cell?.dataset.column ?? shown.column));
    prepareRow();
    remember();
    if (cell) viewer.scrollIntoView({ block: "start" });
  });

  // A finger or the mouse across the picture goes through the strengths.
  let held = null;
  stage.addEventListener("pointerdown", (event) => {
    if (!split.hidden || event.button !== 0) return;
    held = { x: event.clientX, column: Number(shown.column) };
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!held) return;
    const step = stage.clientWidth / (Number(range.max) + 1);
    const turned = getComputedStyle(stage).direction === "rtl" ? -1 : 1;
    const to = held.column + Math.round((turned * (event.clientX - held.x)) / step);
    const column = Math.max(0, Math.min(Number(range.max), to));
    if (column !== Number(shown.column)) show(shown.row, column);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, () => {
      if (held) remember();
      held = null;
    });
  }

  viewer.querySelector("[data-copy-parameters]").addEventListener("click", (event) => {
    event.currentTarget.dataset.copy = viewer.querySelector("[data-parameters]").textContent;
  });

  // --- The whole grid ---

  function openGrid(open) {
    viewer.toggleAttribute("data-grid-open", open);
    gridToggle.setAttribute("aria-expanded", String(open));
  }
  openGrid(location.hash === "#grid");
  gridToggle.addEventListener("click", (event) => {
    event.preventDefault();
    openGrid(!viewer.hasAttribute("data-grid-open"));
  });

  // More pictures have come: htmx has put the table anew.
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "grid-live" || event.detail.target?.id === "grid-live") {
      show(shown.row, shown.column);
      prepareRow();
    }
  });

  show(shown.row, Number(range.value));
  if (document.readyState === "complete") prepareRow();
  else window.addEventListener("load", prepareRow, { once: true });
}
