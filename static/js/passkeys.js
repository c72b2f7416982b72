// allauth says on the document when a passkey could not be used; the page says it to people.

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const isNumber = /^[\d.]+$|^\[/.test(location.hostname);
  const shown = isNumber ? "[data-passkey-by-name]" : "[data-passkey-failed]";
  for (const notice of document.querySelectorAll(shown)) notice.hidden = false;
});
