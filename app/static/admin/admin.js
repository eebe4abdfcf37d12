// Asks before what cannot be taken back, and brings pages that ask for it up to date.
"use strict";

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

const seconds = Number(document.body.dataset.reloadSeconds);
if (seconds) {
  setInterval(() => {
    const isRead = document.querySelector("details[open]") || String(document.getSelection());
    if (!document.hidden && !isRead) location.reload();
  }, seconds * 1000);
}
