"use strict";
// The pages work without this file. It adds keys, zoom, close views on the stage, and keeps the lease while somebody looks.
(() => {
  const byId = (id) => document.getElementById(id);
  const say = byId("say");
  if (!say) return;
  const stage = byId("stage");
  const marks = byId("marks");
  const keys = byId("keys");
  const zoomButton = byId("zoom");
  const STEPS = [1, 2, 4];
  let zoom = 1;

  const remember = (name, value) => { try { sessionStorage.setItem(name, value); } catch { /* a browser without storage forgets */ } };
  const remembered = (name) => { try { return sessionStorage.getItem(name); } catch { return null; } };
  marks.checked = remembered("marks") !== "off";
  keys.checked = remembered("keys") !== "off";
  marks.addEventListener("change", () => remember("marks", marks.checked ? "on" : "off"));
  keys.addEventListener("change", () => remember("keys", keys.checked ? "on" : "off"));

  /* Zoom */
  const images = () => [...stage.querySelectorAll("img")];
  const setZoom = (wanted, x, y) => {
    zoom = wanted;
    const { clientWidth: width, clientHeight: height } = stage;
    stage.classList.toggle("zoomed", zoom > 1);
    for (const image of images()) {
      const fit = Math.min(width / (image.naturalWidth || 1), height / (image.naturalHeight || 1));
      image.style.width = zoom > 1 ? `${image.naturalWidth * fit * zoom}px` : "";
      image.style.height = zoom > 1 ? `${image.naturalHeight * fit * zoom}px` : "";
    }
    const shown = images().find((image) => getComputedStyle(image).visibility === "visible" && !image.hidden);
    if (zoom > 1 && shown) {
      stage.scrollLeft = shown.offsetLeft + x * shown.offsetWidth - width / 2;
      stage.scrollTop = shown.offsetTop + y * shown.offsetHeight - height / 2;
    }
    byId("zoom-word").textContent = zoom > 1 ? `${zoom} times` : "";
  };
  const nextZoom = (x = Number(stage.dataset.x ?? 0.5), y = Number(stage.dataset.y ?? 0.5)) =>
    setZoom(STEPS[(STEPS.indexOf(zoom) + 1) % STEPS.length], x, y);
  if (zoomButton) {
    zoomButton.hidden = false;
    zoomButton.addEventListener("click", () => nextZoom());
    addEventListener("resize", () => setZoom(1));
  }
  let grip = null;
  stage.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button === 0) grip = { x: event.clientX, y: event.clientY, left: stage.scrollLeft, top: stage.scrollTop, moved: false };
  });
  addEventListener("pointermove", (event) => {
    if (!grip) return;
    const [x, y] = [event.clientX - grip.x, event.clientY - grip.y];
    grip.moved ||= Math.hypot(x, y) > 4;
    if (grip.moved) [stage.scrollLeft, stage.scrollTop] = [grip.left - x, grip.top - y];
  });
  addEventListener("pointerup", (event) => {
    const still = grip && !grip.moved;
    grip = null;
    if (!still || !(event.target instanceof HTMLImageElement) || !stage.contains(event.target)) return;
    const image = event.target;
    const box = image.getBoundingClientRect(); // wider or higher than what is seen: the picture stands in its middle
    const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
    const share = (at, start, side, natural) => Math.min(Math.max((at - start - side / 2) / (natural * scale) + 0.5, 0), 1);
    nextZoom(share(event.clientX, box.left, box.width, image.naturalWidth), share(event.clientY, box.top, box.height, image.naturalHeight));
  });
  stage.addEventListener("dragstart", (event) => event.preventDefault());

  /* Close views: a press puts one on the stage, another press takes it off. */
  const close = document.createElement("img");
  const wholes = images();
  const crops = [...document.querySelectorAll(".crops figure > img")].map((image) => {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    image.replaceWith(button);
    button.append(image);
    button.addEventListener("click", () => {
      const isOn = button.getAttribute("aria-pressed") !== "true";
      for (const other of crops) other.setAttribute("aria-pressed", String(isOn && other === button));
      setZoom(1);
      close.remove();
      for (const whole of wholes) whole.hidden = isOn;
      if (!isOn) return;
      close.src = image.src;
      close.alt = image.alt;
      close.className = "close";
      stage.append(close);
    });
    return button;
  });

  /* Keys */
  const press = (value) => say.requestSubmit(say.querySelector(`button[value="${value}"]`));
  const ACTIONS = {
    a: () => press("accept"),
    r: () => press("reject"),
    s: () => press("skip"),
    u: () => byId("take-back").disabled || byId("undo").requestSubmit(),
    o: () => marks.click(),
    z: () => zoomButton && nextZoom(),
    n: () => byId("note").focus(),
    g: () => byId("to-gallery").click(),
    c: () => crops[0]?.click(),
  };
  let sent = false;
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") { document.activeElement?.blur(); return; }
    if (!keys.checked || event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.isComposing) return;
    if (event.target instanceof HTMLInputElement && event.target.type !== "checkbox") return;
    const code = /^[1-9]$/.test(event.key) ? say.querySelectorAll('input[name="code"]')[Number(event.key) - 1] : null;
    const action = code ? () => code.click() : ACTIONS[event.key.toLowerCase()];
    if (!action || event.shiftKey) return;
    event.preventDefault();
    action();
  });
  for (const form of document.forms) {
    form.addEventListener("submit", (event) => {
      if (sent) event.preventDefault(); // one page, one answer
      sent = true;
    });
  }
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }); // what was kept of this page may be old

  /* Somebody is still looking. */
  const hold = () => document.hidden || fetch(document.body.dataset.hold, { method: "POST" }).catch(() => {});
  setInterval(hold, 30000);
})();
