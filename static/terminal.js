// The terminal works without this file; with it there is a keypad, one tap, and a look back after a lost answer.
"use strict";
(() => {
  const PENDING = "terminal.pending";
  const all = (selector, act) => document.querySelectorAll(selector).forEach(act);

  navigator.serviceWorker?.register("/terminal/sw.js", { scope: "/terminal/" }).catch(() => {});

  // The keypad types into the field that was last touched; the telephone's own keyboard stays away.
  const pad = document.querySelector("[data-keypad]");
  const fields = [...document.querySelectorAll("[data-keyed]")];
  let field = fields.find((one) => one.getAttribute("aria-invalid")) ?? fields[0];
  const submit = document.querySelector("[data-says]");
  const plain = submit?.textContent;
  const label = () => {
    if (!submit) return;
    const [whole, cents = ""] = fields[0].value.trim().replace(".", ",").split(",");
    const known = /^\d+$/.test(whole) && /^\d{0,2}$/.test(cents);
    // The page gives the words with nought in them, written as its language does.
    submit.textContent = known ? submit.dataset.says.replace(/0([.,])00/, `${whole}$1${cents.padEnd(2, "0")}`) : plain;
  };
  const type = (key) => {
    const limit = Number(field.dataset.keyed) || 10;
    const next = key === "back" ? field.value.slice(0, -1) : field.value + key;
    const fits = field.dataset.keyed ? /^\d*$/.test(next) : /^\d{0,7}([.,]\d{0,2})?$/.test(next);
    if (key === "back" || (fits && next.length <= limit)) field.value = next;
    label();
  };
  if (pad && fields.length) {
    pad.hidden = false;
    fields.forEach((one) => {
      one.inputMode = "none";
      one.addEventListener("focus", () => { field = one; });
      one.addEventListener("input", label);
    });
    pad.addEventListener("click", (event) => {
      const button = event.target.closest("[data-key]");
      if (button) type(button.dataset.key);
    });
    // A press on the keypad does not take the focus away from the field.
    pad.addEventListener("pointerdown", (event) => event.preventDefault());
    label();
  }

  // One tap is one request. Its key is kept until the outcome was seen.
  all("form[data-sale]", (form) => {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) return event.preventDefault();
      form.dataset.sent = "1";
      form.setAttribute("aria-busy", "true");
      sessionStorage.setItem(PENDING, form.dataset.outcome.replace("00000000-0000-0000-0000-000000000000", form.dataset.sale));
    });
  });
  window.addEventListener("pageshow", () => all("form[data-sale]", (form) => { delete form.dataset.sent; form.removeAttribute("aria-busy"); }));

  // A debit that is still under way shows itself as soon as it is done.
  all("[data-again]", () => {
    setInterval(() => fetch(location.href, { cache: "no-store" }).then((answer) => { if (answer.ok) location.reload(); }).catch(() => {}), 3000);
  });

  const pending = sessionStorage.getItem(PENDING);
  const offline = document.querySelector("[data-offline]");
  if (offline) {
    // Ask until the network answers, then show what became of the tap.
    const address = pending ?? "/terminal/";
    document.querySelector("[data-ask]").href = address;
    const ask = () => fetch("/terminal/manifest.webmanifest", { cache: "no-store" }).then((answer) => { if (answer.ok) location.replace(address); }).catch(() => {});
    setInterval(ask, 3000);
    window.addEventListener("online", ask);
  } else if (pending) {
    // Any page that came is an answer, except the one that the tap would have come from.
    sessionStorage.removeItem(PENDING);
  }
})();
