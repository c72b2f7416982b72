// Files on their way in, by tus 1.0 (https://tus.io): in parts, with pause, and going on where the
// hub has them after a lost connection or a reload. The page's own rows show it.

const PART = 8 << 20;
const AT_ONCE = 2;
const LONGEST_WAIT = 30_000;
const KEEPS = "hyperhub.upload.";

const zone = document.getElementById("dropzone");
const list = document.getElementById("uploads");
const said = document.getElementById("uploads-said");
const words = zone.dataset;

const csrf = () => /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? zone.querySelector("[name=csrfmiddlewaretoken]").value;

// --- What is remembered: where the bytes of a file go, by what tells it from others ----------------

const printOf = (file) => KEEPS + [file.name, file.size, file.lastModified, words.scope, words.scopeValue].join("|");

const remembered = (file) => JSON.parse(localStorage.getItem(printOf(file)) ?? "null");

function remember(file, row) {
  localStorage.setItem(printOf(file), JSON.stringify({ upload: row.dataset.upload, row: row.dataset.row }));
}

// --- One file --------------------------------------------------------------------------------------

const sending = new Map(); // by the row's id

class Transfer {
  constructor(file, row) {
    this.file = file;
    this.address = row.dataset.upload;
    this.id = row.id;
    this.offset = 0;
    this.wait = 1000;
    this.state = "waiting";
    sending.set(this.id, this);
    this.show();
  }

  get row() {
    return document.getElementById(this.id);
  }

  get percent() {
    return Math.floor((100 * this.offset) / Math.max(1, this.file.size));
  }

  async run() {
    this.state = "sending";
    this.show();
    try {
      // The hub knows best how much of it is there.
      while (this.state === "sending") {
        this.offset = await this.ask();
        while (this.offset < this.file.size && this.state === "sending") await this.part();
        if (this.offset >= this.file.size) return this.end();
      }
    } catch (trouble) {
      if (this.state === "sending") this.stumble(trouble);
    } finally {
      next();
    }
  }

  async ask() {
    const answer = await this.call("HEAD", {});
    return Number(answer.getResponseHeader("Upload-Offset"));
  }

  async part() {
    const from = this.offset;
    const part = this.file.slice(from, from + PART);
    const answer = await this.call(
      "PATCH",
      { "Upload-Offset": from, "Content-Type": "application/offset+octet-stream" },
      part,
      (sent) => {
        this.offset = from + sent;
        this.show();
      },
    );
    this.offset = Number(answer.getResponseHeader("Upload-Offset"));
    this.wait = 1000;
    this.show();
  }

  call(method, headers, body, onprogress) {
    return new Promise((resolve, reject) => {
      const request = (this.request = new XMLHttpRequest());
      request.open(method, this.address);
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      request.setRequestHeader("Tus-Resumable", "1.0.0");
      request.setRequestHeader("X-CSRFToken", csrf());
      if (onprogress) request.upload.onprogress = (event) => onprogress(event.loaded);
      request.onload = () => (request.status < 300 ? resolve(request) : reject(request.status));
      request.onerror = () => reject(0);
      request.onabort = () => reject(-1);
      request.send(body ?? null);
    });
  }

  async stumble(status) {
    if ([401, 403].includes(status)) return this.stop("signed-out", words.signedOut);
    if ([404, 410].includes(status)) return this.stop("gone", words.gone);
    if (status >= 400 && ![408, 409, 423, 425, 429, 460].includes(status) && status < 500) {
      return this.stop("refused", words.refused);
    }
    if (status === 0 && !(await readable(this.file))) return this.stop("refused", words.unreadable);
    this.state = "lost";
    this.show();
    this.timer = setTimeout(() => this.again(), this.wait);
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
  }

  again() {
    clearTimeout(this.timer);
    if (["lost", "paused", "signed-out"].includes(this.state)) this.state = "waiting";
    this.show();
    next();
  }

  pause() {
    clearTimeout(this.timer);
    this.state = "paused";
    this.request?.abort();
    this.show();
  }

  stop(state, text) {
    this.state = state;
    if (state === "gone") localStorage.removeItem(printOf(this.file));
    this.show(text);
    said.textContent = `${this.file.name}: ${text}`;
  }

  async end() {
    this.state = "done";
    sending.delete(this.id);
    localStorage.removeItem(printOf(this.file));
    if (!words.watch) return htmx.ajax("GET", this.row.dataset.row, { target: this.row, swap: "outerHTML" });
    // On a draft's own page, what it says of its file goes on watching.
    this.row.remove();
    zone.closest("details").open = false;
    return htmx.ajax("GET", words.watch, { target: "#draft-state", swap: "outerHTML" });
  }

  show(text) {
    const row = this.row;
    if (!row) return;
    const progress = row.querySelector("progress");
    progress.value = this.percent;
    row.querySelector(".progress-head .number").textContent = `${this.percent} %`;
    row.querySelector(".progress").classList.toggle("progress-bad", ["gone", "refused"].includes(this.state));
    const by = { waiting: words.waiting, sending: words.sending, paused: words.paused, lost: words.lost };
    row.querySelector("[data-said]").textContent = (text ?? by[this.state] ?? "").replace("%s", this.percent);
    row.querySelector("[data-pause]").hidden = !["sending", "waiting"].includes(this.state);
    row.querySelector("[data-resume]").hidden = !["paused", "lost", "signed-out"].includes(this.state);
    // To leave this page would stop it: its details open beside it meanwhile.
    row.querySelector("[data-details]")?.setAttribute("target", "_blank");
  }
}

async function readable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

function next() {
  const all = [...sending.values()];
  let free = AT_ONCE - all.filter((each) => each.state === "sending").length;
  for (const each of all) {
    if (free < 1) return;
    if (each.state !== "waiting") continue;
    free -= 1;
    each.run();
  }
}

// --- Files that are dropped or chosen --------------------------------------------------------------

function rowOf(html) {
  const box = document.createElement("template");
  box.innerHTML = html.trim();
  return box.content.firstElementChild;
}

function put(row) {
  const old = document.getElementById(row.id);
  if (row.id && old) old.replaceWith(row);
  else list.prepend(row);
  htmx.process(row);
  return row;
}

async function take(file) {
  const row = (await goOn(file)) ?? (await begin(file));
  if (!row) return;
  new Transfer(file, row);
  next();
}

// The row of a file that was begun before, on this page or another, if the hub still waits for it.
async function goOn(file) {
  const known = remembered(file);
  if (!known) return null;
  const id = `upload-${known.upload.split("/").pop()}`;
  if (sending.has(id)) {
    sending.get(id).again();
    return undefined;
  }
  const answer = await fetch(known.row, { headers: { "HX-Request": "true" } });
  const row = answer.ok && !answer.redirected ? rowOf(await answer.text()) : null;
  if (row?.dataset.state !== "receiving") {
    localStorage.removeItem(printOf(file));
    return null;
  }
  return put(row);
}

async function begin(file) {
  const body = new FormData();
  body.set("name", file.name);
  body.set("size", file.size);
  if (words.scope) body.set(words.scope, words.scopeValue);
  let answer;
  try {
    answer = await fetch(words.begin, {
      method: "POST",
      body,
      headers: { "X-CSRFToken": csrf(), "HX-Request": "true" },
    });
  } catch {
    return announce(document.body.dataset.unreachable);
  }
  if (answer.redirected) return announce(words.signedOut);
  if (answer.status !== 201 && answer.status !== 422) return announce(words.refused);
  const row = put(rowOf(await answer.text()));
  if (answer.status === 422) return null;
  remember(file, row);
  return row;
}

function announce(text) {
  document.dispatchEvent(new CustomEvent("toast", { detail: { text } }));
  return null;
}

async function takeAll(files) {
  for (const file of files) await take(file);
}

zone.querySelector("input[type=file]").addEventListener("change", (event) => {
  const files = [...event.target.files];
  event.target.value = "";
  takeAll(files);
});
zone.addEventListener("submit", (event) => event.preventDefault());

let over = 0;
const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");

function dropping(change) {
  over = Math.max(0, over + change);
  document.documentElement.classList.toggle("dropping", over > 0);
}

document.addEventListener("dragenter", (event) => holdsFiles(event) && dropping(1));
document.addEventListener("dragleave", (event) => holdsFiles(event) && dropping(-1));
document.addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
document.addEventListener("drop", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  dropping(-over);
  zone.closest("details")?.setAttribute("open", "");
  takeAll([...event.dataTransfer.files]);
});

// --- The rows --------------------------------------------------------------------------------------

list.addEventListener("click", (event) => {
  const transfer = sending.get(event.target.closest(".upload")?.id);
  if (!transfer) return;
  if (event.target.closest("[data-pause]")) transfer.pause();
  if (event.target.closest("[data-resume]")) transfer.again();
});

// Cancelling one leaves the page, and with it the others, where they are.
list.addEventListener("submit", async (event) => {
  const row = event.target.closest(".upload");
  const transfer = sending.get(row?.id);
  if (!transfer) return;
  event.preventDefault();
  transfer.pause();
  sending.delete(row.id);
  localStorage.removeItem(printOf(transfer.file));
  const body = new URLSearchParams({ csrfmiddlewaretoken: csrf() });
  // The answer leads to the draft's page, for browsers without scripts.
  await fetch(event.target.action, { method: "POST", body, redirect: "manual" });
  row.remove();
  next();
});

// What this page sends is told by this page; the others are asked for.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (sending.has(event.target.id)) event.preventDefault();
});

// A file that has come to its end is said aloud.
document.addEventListener("htmx:load", (event) => {
  const row = event.target.closest?.(".upload");
  const words = row?.querySelector(".checked, .notice, .findings");
  if (row && words) said.textContent = `${row.querySelector("bdi").textContent}: ${words.textContent.trim()}`;
});

window.addEventListener("online", () => {
  for (const each of sending.values()) if (each.state === "lost") each.again();
});
window.addEventListener("beforeunload", (event) => {
  if ([...sending.values()].some((each) => ["sending", "waiting", "lost"].includes(each.state))) event.preventDefault();
});
