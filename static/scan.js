// A live scan where the browser reads barcodes itself; elsewhere a photograph or the keyboard does.
"use strict";
(() => {
  const photo = document.querySelector("#id_photo");
  // A photograph that is chosen is sent at once.
  photo?.addEventListener("change", () => {
    const send = photo.form.querySelector("[name=lire]");
    if (photo.files.length) photo.form.requestSubmit(send);
  });

  const box = document.querySelector("[data-scan]");
  if (!box || !("BarcodeDetector" in window) || !navigator.mediaDevices?.getUserMedia) return;
  const find = (name) => box.querySelector(`[data-scan-${name}]`);
  const start = find("start"), live = find("live"), said = find("said"), video = box.querySelector("video");
  const number = document.querySelector("#id_numero");
  const PLAUSIBLE = /^[0-9A-Z]{8,40}$/;
  let stream = null;
  box.hidden = false;

  const stop = () => {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    live.hidden = true;
    start.hidden = false;
  };

  const look = async (detector) => {
    while (stream) {
      const codes = await detector.detect(video).catch(() => []);
      const found = codes.map((code) => code.rawValue.replace(/[\s-]/g, "").toUpperCase()).find((text) => PLAUSIBLE.test(text));
      if (found && stream) {
        stop();
        number.value = found;
        number.focus();
        said.textContent = said.dataset.found;
        if ("scanSend" in box.dataset) number.form.requestSubmit();
        return;
      }
      await new Promise((done) => setTimeout(done, 150));
    }
  };

  start.addEventListener("click", async () => {
    said.textContent = "";
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      video.srcObject = stream;
      start.hidden = true;
      live.hidden = false;
      // Looking begins at once: until there is a picture the detector finds nothing, and is asked again.
      video.play().catch(() => {});
      look(new BarcodeDetector());
    } catch {
      stop();
      said.textContent = said.dataset.denied;
    }
  });
  find("stop").addEventListener("click", () => { stop(); start.focus(); });
  window.addEventListener("pagehide", stop);
})();
