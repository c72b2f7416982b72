// The theme switch without a round trip; the form does the same where there is no script.

const YEAR = 365 * 24 * 3600;

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-theme-switch]")) return;
  event.preventDefault();
  const theme = event.submitter.value;
  const root = document.documentElement;
  root.dataset.theme = theme;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${theme}; Path=/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
  const wall = getComputedStyle(root).getPropertyValue("--wall");
  document.querySelector('meta[name="theme-color"]').content = wall;
  event.target.querySelector(`[value="${theme === "dark" ? "light" : "dark"}"]`).focus();
});
