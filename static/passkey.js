// allauth's passkey forms report failures as an event; say it on the page instead of the console.
"use strict";
document.addEventListener("allauth.error", (event) => {
  const message = document.getElementById("passkey-error");
  if (!message) return;
  event.preventDefault();
  message.hidden = false;
});
