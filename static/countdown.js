// Seconds that run down where a page says how long something lasts. Without this file the page says until when.
"use strict";
(() => {
  document.querySelectorAll("[data-countdown]").forEach((box) => {
    const ends = Date.now() + Number(box.dataset.countdown) * 1000;
    const during = box.querySelectorAll("[data-during]"), after = box.querySelectorAll("[data-after]");
    const show = (over) => {
      during.forEach((el) => { el.hidden = over; });
      after.forEach((el) => { el.hidden = !over; });
    };
    const tick = () => {
      const left = Math.max(0, Math.ceil((ends - Date.now()) / 1000));
      box.querySelectorAll("[data-left]").forEach((el) => { el.textContent = left; });
      box.querySelectorAll("progress").forEach((el) => { el.value = left; });
      if (left) return;
      clearInterval(clock);
      show(true);
    };
    show(false);
    const clock = setInterval(tick, 250);
    tick();
  });
})();
