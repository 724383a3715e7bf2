// Niceties only: every page works without this file.
"use strict";
(() => {
  const on = (name, act) => document.addEventListener(name, act);
  const each = (root, selector, act) => root.querySelectorAll(selector).forEach(act);

  // Controls that need this script start hidden.
  const dress = (root) => {
    each(root, "[data-dismiss], [data-copy], [data-all]", (el) => { el.hidden = false; });
    // Good news leaves by itself: it must not keep covering a box to tick. Bad news waits to be read.
    each(root, ".toast.good", (el) => setTimeout(() => el.remove(), 8000));
    if (root.querySelector("[data-awake]")) stayAwake();
  };

  // The till's screen must not go dark while the cashier aims.
  const stayAwake = () => navigator.wakeLock?.request("screen").catch(() => {});
  on("visibilitychange", () => { if (!document.hidden) dress(document); });

  on("click", (event) => {
    const el = event.target.closest("[data-dismiss], [data-copy], .stepper [value]");
    if (!document.querySelector(".menu")?.contains(event.target)) {
      each(document, ".menu[open]", (menu) => { menu.open = false; });
    }
    if (!el) return;
    if (el.matches("[data-dismiss]")) el.closest(".toast").remove();
    else if (el.matches("[data-copy]")) navigator.clipboard?.writeText(el.dataset.copy).then(() => el.classList.add("done"));
    else step(el, event);
  });

  // − and + of a stepper act at once; without this script they are submit buttons.
  const step = (button, event) => {
    const input = button.closest(".stepper").querySelector("input");
    const sign = { minus: -1, plus: 1 }[button.value] ?? Number(button.value);
    if (!input || !sign) return;
    event.preventDefault();
    const low = Number(input.min || 0), high = Number(input.max || Infinity);
    const next = Math.min(high, Math.max(low, Number(input.value || 0) + sign));
    if (next === Number(input.value)) return;
    input.value = next;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };

  // What is shown once is asked for once: a second press would take it off the screen.
  on("submit", (event) => {
    const { once } = event.target.dataset;
    if (once) event.preventDefault();
    else if (once === "") event.target.dataset.once = "sent";
  });

  on("keydown", (event) => {
    if (event.key !== "Escape") return;
    each(document, ".menu[open]", (menu) => { menu.open = false; menu.querySelector("summary").focus(); });
  });

  // "Tout sélectionner": <input type=checkbox data-all="name of the boxes">, inside their form.
  on("change", (event) => {
    const box = event.target;
    if (box.dataset.all) each(box.form, `[name="${box.dataset.all}"]`, (el) => { el.checked = box.checked; });
    // A typed amount replaces a chosen one, and the other way round.
    if (box.closest(".amounts")) each(box.form, "[data-free]", (el) => { el.value = ""; });
  });
  on("input", (event) => {
    // A slider says where it is while it moves.
    if (event.target.type === "range") event.target.form.elements.curseur_dit.value = event.target.value;
    if (event.target.matches("[data-free]") && event.target.value) {
      each(event.target.form, ".amounts :checked", (el) => { el.checked = false; });
    }
  });

  // htmx: the page's CSRF token goes along; a refused form speaks first.
  on("htmx:configRequest", (event) => {
    const token = document.querySelector("#prefs [name=csrfmiddlewaretoken]");
    if (token && event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = token.value;
    // htmx also sends the button last focused: after a stepper's change, its step would count twice.
    if (/^(input|change)$/.test(event.detail.triggeringEvent?.type)) {
      ["op", "pas"].forEach((name) => delete event.detail.parameters[name]);
    }
  });
  on("htmx:afterSettle", (event) => {
    const root = event.detail.elt;
    dress(document);
    (root.matches("[role=alert][tabindex]") ? root : root.querySelector("[role=alert][tabindex]"))?.focus();
  });

  dress(document);
})();
