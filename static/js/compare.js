// One slider for all that hangs side by side.

const root = document.querySelector("[data-compare]");
const range = document.getElementById("compare-strength");

if (root && range) {
  const marks = [...root.querySelectorAll("[data-mark]")];

  function show(at) {
    range.value = at;
    const figure = marks[at].textContent;
    range.setAttribute("aria-valuetext", figure);
    range.style.setProperty("--at", marks.length > 1 ? at / (marks.length - 1) : 0);
    marks.forEach((mark, index) => {
      if (index === at) mark.setAttribute("aria-current", "true");
      else mark.removeAttribute("aria-current");
    });
    for (const shot of root.querySelectorAll(".compare-shot")) {
      shot.classList.toggle("shown", Number(shot.dataset.at) === at);
    }
    for (const prompt of root.querySelectorAll("[data-prompt]")) {
      const address = new URL(prompt.href);
      address.searchParams.set("strength", figure);
      prompt.href = address;
    }
  }

  range.dataset.ready = "";
  range.addEventListener("input", () => show(Number(range.value)));
  range.addEventListener("change", () => history.replaceState(null, "", marks[range.value].href));
  for (const mark of marks) {
    mark.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      show(Number(mark.dataset.mark));
      history.replaceState(null, "", mark.href);
    });
  }
  // So that nothing is fetched when the slider moves.
  for (const image of root.querySelectorAll(".compare-shot[loading=lazy]")) image.loading = "eager";
  show(Number(range.value));
}
