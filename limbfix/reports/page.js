"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const gallery = byId("gallery");
  if (!gallery) return;
  const TAG_HEIGHT = 17;
  const TIP_RADIUS = 8.5;
  const PAPER_STAGE = [680, 416]; // CSS px of a picture in the detail view on paper: A4 or Letter, and the 11 cm of page.css
  const LIMBS = ["arms", "legs", "hands", "feet"];
  const dialog = byId("detail");
  const verdictButtons = [...document.querySelectorAll(".verdict")];
  const codeButtons = [...document.querySelectorAll(".code")];
  const cards = [...gallery.children].map((element, place) => ({
    element,
    place,
    number: Number(element.id.slice(1)),
    verdict: element.dataset.verdict,
    score: element.dataset.score === "" ? null : Number(element.dataset.score),
    codes: element.dataset.codes ? element.dataset.codes.split(" ") : [],
    hints: element.dataset.hints ? element.dataset.hints.split(" ") : [],
    path: element.dataset.path.toLowerCase(),
  }));
  let visible = cards;
  let current = null;
  let stageOverlay = null;

  // One element with text. Strings from records only ever become text, never markup.
  const make = (tag, className, ...children) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  };
  const isPressed = (button) => button.getAttribute("aria-pressed") === "true";
  const press = (button, state) => button.setAttribute("aria-pressed", String(state));
  const number = (value) => (value === null || value === undefined ? "–" : String(Math.round(value * 1000) / 1000));
  // Cut and not rounded, as everywhere: 0.4994 is not told as the 0.50 that flags.
  const score = (value) => (value === null || value === undefined ? "–" : (Math.floor(100 * value + 1e-9) / 100).toFixed(2));

  /* Gallery: filter, sort */
  const ORDERS = {
    worst: (a, b) => a.place - b.place,
    best: (a, b) => (a.score === null) - (b.score === null) || a.score - b.score || a.number - b.number,
    path: (a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.number - b.number),
    run: (a, b) => a.number - b.number,
  };
  const filter = () => {
    const verdicts = verdictButtons.filter(isPressed).map((button) => button.dataset.verdict);
    const codes = codeButtons.filter(isPressed).map((button) => button.dataset);
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    visible = cards.filter((card) => {
      const matches =
        (!verdicts.length || verdicts.includes(card.verdict)) &&
        (!codes.length || codes.some(({ code, hint }) => (code ? card.codes.includes(code) : card.hints.includes(hint)))) &&
        words.every((word) => card.path.includes(word));
      card.element.hidden = !matches;
      return matches;
    });
    visible.sort(ORDERS[byId("sort").value]);
    byId("none").hidden = visible.length > 0;
    byId("result").textContent =
      visible.length === cards.length ? `${cards.length} shown` : `${visible.length} of ${cards.length} shown`;
  };
  const sort = () => {
    gallery.append(...[...cards].sort(ORDERS[byId("sort").value]).map((card) => card.element));
    filter();
  };
  const clear = () => {
    [...verdictButtons, ...codeButtons].forEach((button) => press(button, false));
    byId("search").value = "";
    filter();
    byId("search").focus();
  };

  /* Numbers at fingertips keep their size too, but never outgrow a small hand. Returns the places they take. */
  const layTips = (svg, unit) => {
    const { width, height } = svg.viewBox.baseVal;
    const tips = [...svg.querySelectorAll(".tip")].filter((tip) => getComputedStyle(tip).display !== "none");
    return tips.map((tip) => {
      const [tipX, tipY, stepX, stepY, most] = tip.dataset.place.split(" ").map(Number);
      const radius = Math.min(TIP_RADIUS * unit, most);
      const x = Math.max(radius, Math.min(tipX + 1.5 * radius * stepX, width - radius));
      const y = Math.max(radius, Math.min(tipY + 1.5 * radius * stepY, height - radius));
      tip.setAttribute("transform", `translate(${x} ${y}) scale(${radius / TIP_RADIUS})`);
      return { x: x - radius, y: y - radius, wide: 2 * radius, tall: 2 * radius };
    });
  };

  /* Labels keep their size on the screen; each sits above its box, else below, never on another one. */
  const layTags = (svg, shownWidth = svg.clientWidth, shownHeight = svg.clientHeight) => {
    const { width, height } = svg.viewBox.baseVal;
    const unit = Math.max(width / shownWidth, height / shownHeight);
    if (!Number.isFinite(unit) || unit <= 0) return;
    const placed = layTips(svg, unit);
    for (const tag of [...svg.querySelectorAll(".tag")].reverse()) {
      if (getComputedStyle(tag).display === "none") continue;
      const [boxX, boxY, , boxHeight] = tag.dataset.box.split(" ").map(Number);
      const size = Math.min(unit, width / Number(tag.dataset.width)); // smaller where the picture is narrower than the label
      const [wide, tall] = [Number(tag.dataset.width) * size, TAG_HEIGHT * size];
      const x = Math.max(0, Math.min(boxX, width - wide));
      const near = placed.filter((other) => x < other.x + other.wide && other.x < x + wide);
      const hit = (y) => near.find((other) => y < other.y + other.tall * 0.999 && other.y < y + tall * 0.999);
      let y = boxY - tall;
      for (let other = hit(y); other; other = hit(y)) y = other.y - tall;
      if (y < 0) {
        y = boxY >= tall ? Math.max(0, Math.min(boxY + boxHeight, height - tall)) : 0;
        for (let other = hit(y); other; other = hit(y)) y = other.y + other.tall;
      }
      placed.push({ x, y, wide, tall });
      tag.setAttribute("transform", `translate(${x} ${y}) scale(${size})`);
    }
  };
  const sizes = new ResizeObserver((entries) => entries.forEach((entry) => layTags(entry.target)));

  /* Detail view */
  const table = (className, heads, rows) => {
    const head = make("thead", "", make("tr", "", ...heads.map((text) => {
      const cell = make("th", "", text);
      cell.scope = "col";
      return cell;
    })));
    const body = make("tbody", "", ...rows.map((cells) => make("tr", "", ...cells.map((cell) => make("td", "", cell)))));
    return make("div", "scroll", make("table", className, head, body));
  };
  const pairs = (rows) => {
    const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
    return make("table", "plain", make("tbody", "", ...known.map(([key, value]) => {
      const head = make("th", "", key);
      head.scope = "row";
      return make("tr", "", head, make("td", "", value));
    })));
  };
  const section = (title, ...children) => [make("h3", "", title), ...children];

  const focusFindings = (indices) => {
    const svg = byId("canvas").querySelector(".overlay");
    const has = (element, key) => indices.some((index) => element.dataset[key].split(" ").includes(String(index)));
    byId("facts").querySelectorAll("[data-findings]").forEach((element) => element.classList.toggle("focus", has(element, "findings")));
    if (!svg) return;
    const marks = [...svg.querySelectorAll("[data-finding]")];
    marks.forEach((mark) => mark.classList.toggle("focus", has(mark, "finding")));
    svg.classList.toggle("focused", marks.some((mark) => mark.classList.contains("focus")));
  };
  const pointsAt = (element, indices) => {
    element.dataset.findings = indices.join(" ");
    element.addEventListener("pointerenter", () => focusFindings(indices));
    element.addEventListener("pointerleave", () => focusFindings([]));
    return element;
  };

  const showCrops = (card, record) => {
    const images = [...card.element.querySelectorAll(".crops img")];
    if (!images.length) return [];
    return section("Evidence", make("div", "strip", ...images.map((image) => {
      const indices = image.dataset.findings.split(" ").map(Number);
      const found = indices.map((index) => record.findings[index]).filter(Boolean);
      const codes = found.map((finding) => `${finding.code} ${score(finding.defect_score)}`).join(", ");
      const copy = image.cloneNode();
      copy.loading = "eager";
      copy.alt = `Close view: ${found.map((finding) => finding.message).join(" ")}`;
      return pointsAt(make("figure", "", copy, make("figcaption", "", codes)), indices);
    })));
  };
  const showFindings = (record) => {
    if (!record.findings.length) return section("Findings", make("p", "none", record.verdict === "unjudged" ? "Not judged." : "None."));
    const heads = ["Code", "Score", "Measured", "Expected", "Unit"];
    const shown = table("found", heads, []);
    shown.firstChild.append(...record.findings.map((finding, index) => {
      const dot = make("span", `severity ${finding.severity}`);
      dot.title = finding.severity;
      const code = make("td", "", dot, make("code", "", finding.code), make("span", "hidden", ` (${finding.severity})`));
      const values = [score(finding.defect_score), number(finding.measured), number(finding.expected), finding.unit || "–"];
      const message = make("td", "", finding.message + (finding.exception ? ` (accepted by the policy: ${finding.exception})` : ""));
      message.colSpan = heads.length;
      const rows = [make("tr", "", code, ...values.map((value) => make("td", "", value))), make("tr", "", message)];
      return pointsAt(make("tbody", "", ...rows), [index]);
    }));
    shown.querySelector("tbody:empty").remove();
    return section("Findings", shown);
  };
  const showPeople = (record) => {
    if (!record.people.length) return [];
    const count = (limb) => (limb ? `${limb.seen} of ${limb.expected}` : "–");
    const rows = record.people.map((person) => [
      String(person.person_index + 1), ...LIMBS.map((limb) => count(person.limbs[limb])), score(person.defect_score),
    ]);
    const caution = make("p", "none", "Raw readings of the detectors, often wrong; only findings count.");
    return section("People, limbs seen of expected (raw)", caution, table("", ["Person", "Arms", "Legs", "Hands", "Feet", "Score"], rows));
  };
  const showHands = (record) => {
    if (!record.hands.length) return [];
    const digits = ({ count, visible, cannot_tell: why }) => {
      if (count !== null) return String(count);
      const seen = visible === null ? "" : `, ${visible} in view`;
      return `cannot tell${why ? `: ${why.replaceAll("_", " ")}` : ""}${seen}`;
    };
    const chance = (value) => (value === null || value === undefined ? "–" : `${Math.round(100 * value)} %`);
    const rows = record.hands.map((hand) => [
      String(hand.hand_index + 1),
      hand.side,
      hand.person_index === null ? "–" : String(hand.person_index + 1),
      digits(hand.digits),
      chance(hand.defect_probability),
      score(hand.defect_score),
    ]);
    return section("Hands", table("", ["Hand", "Side", "Person", "Digits", "Chance wrong", "Score"], rows));
  };
  const showSource = (record) => {
    if (!record.source) return [];
    const { generator, prompt, seed } = record.source;
    return section("Generated by", pairs([["Generator", generator], ["Seed", seed], ["Prompt", prompt && make("div", "prompt", prompt)]]));
  };
  const showJudging = (record) =>
    section("Judged by", pairs([
      ["Policy", record.policy],
      ["Exceptions", record.exceptions.join(", ")],
      ["Notes", record.notes.join("; ")],
      ...Object.entries(record.models).map(([name, sha]) => [name, make("code", "", sha.slice(0, 16))]),
      ["Seconds", number(record.seconds)],
      ["SHA-256", record.sha256 && make("code", "", record.sha256)],
    ]));

  const showFacts = (card, record) => {
    const badge = card.element.querySelector(".badge").cloneNode(true);
    const left = record.standing[1];
    const value = left === null ? null : make("span", "score", score(left));
    const was = card.element.querySelector(".was");
    const name = make("h2", "", ...[...card.element.querySelector(".open").childNodes].map((node) => node.cloneNode(true)));
    name.id = "detail-name";
    const size = record.width ? `${record.width} × ${record.height} px` : "size not known";
    const error = record.error && `${record.error.code}: ${record.error.message}`;
    byId("facts").replaceChildren(
      make("p", "judged", badge, value, value && make("span", "of", "defect score"), was && was.cloneNode(true)),
      name,
      make("p", "why", error || record.reason),
      make("p", "size", `${size}, picture ${record.index + 1} of the run`),
      ...showCrops(card, record),
      ...showRepair(record),
      ...showFindings(record),
      ...showPeople(record),
      ...showHands(record),
      ...showSource(record),
      ...showJudging(record),
    );
  };
  const wipe = (share) => {
    byId("wipe").querySelector("input").value = String(share);
    byId("canvas").style.setProperty("--wipe", `${share}%`);
  };
  const showRepair = (record) => {
    const { repair } = record;
    if (!repair) return [];
    const state = ({ verdict, defect_score: value }) => `${verdict.replace("_", " ")} ${score(value)}`;
    const plan = repair.plan.map((step, index) => {
      const tried = repair.attempts.filter((attempt) => attempt.step_index === index);
      const told = tried.map((attempt) => make("li", attempt.accepted ? "kept" : "", `${attempt.accepted ? "kept" : "not kept"}: ${attempt.reason}`));
      return make("li", "", `${step.action}, ${step.reason}`, make("ul", "", ...told));
    });
    return section("Repair",
      plan.length ? make("ol", "plan", ...plan) : make("p", "none", "Nothing to repair."),
      pairs([
        ["Before", state(repair.before)],
        ["After", repair.output && state(repair.after)],
        ["Painted by", repair.inpainter],
        ["Written to", repair.output],
        ["C2PA", repair.c2pa === "dropped" ? "the original's manifest does not hold for changed pixels and was left out" : null],
        ["Notes", repair.notes.join("; ")],
      ]));
  };
  const showPicture = (card, record) => {
    const frame = card.element.querySelector(".frame");
    byId("canvas").replaceChildren(...[...frame.children].map((child) => child.cloneNode(true)));
    const image = byId("canvas").querySelector("img");
    if (image) {
      image.loading = "eager";
      image.alt = `${record.path}, ${record.verdict.replace("_", " ")}`;
    }
    const repaired = byId("canvas").querySelector(".repaired");
    if (repaired) {
      repaired.loading = "eager";
      repaired.alt = `${record.path}, repaired`;
    }
    byId("wipe").hidden = !repaired;
    wipe(50);
    setLayers();
    if (stageOverlay) sizes.unobserve(stageOverlay);
    stageOverlay = byId("canvas").querySelector(".overlay");
    if (stageOverlay) sizes.observe(stageOverlay);
    document.querySelector(".layers").hidden = !stageOverlay;
  };
  const show = (card) => {
    current = card;
    const record = JSON.parse(card.element.querySelector(".data").textContent);
    showPicture(card, record);
    showFacts(card, record);
    const place = visible.indexOf(card);
    byId("position").textContent = `${place + 1} of ${visible.length}`;
    const focused = document.activeElement;
    byId("previous").disabled = place <= 0;
    byId("next").disabled = place >= visible.length - 1;
    if (focused.disabled) (focused === byId("next") ? byId("previous") : byId("next")).focus(); // a disabled button loses it
    if (!dialog.open) dialog.showModal();
    byId("panel").scrollTop = dialog.scrollTop = 0;
    history.replaceState(null, "", `#${card.element.id}`);
  };
  const step = (by) => {
    const next = visible[visible.indexOf(current) + by];
    if (next) show(next);
  };
  const setLayers = () => {
    const svg = byId("canvas").querySelector(".overlay");
    if (!svg) return;
    document.querySelectorAll("[data-layer]").forEach((button) => svg.classList.toggle(`no-${button.dataset.layer}`, !isPressed(button)));
  };
  const toggleOverlays = () => {
    const layers = [...document.querySelectorAll("[data-layer]")];
    const state = dialog.open ? !layers.some(isPressed) : !isPressed(byId("overlays"));
    if (dialog.open) {
      layers.forEach((button) => press(button, state));
      setLayers();
    } else {
      press(byId("overlays"), state);
      gallery.classList.toggle("no-overlays", !state);
    }
  };
  const observe = (card) => {
    const svg = card.element.querySelector(".overlay");
    if (svg) sizes.observe(svg);
  };

  /* Events */
  [...verdictButtons, ...codeButtons].forEach((button) =>
    button.addEventListener("click", () => {
      press(button, !isPressed(button));
      filter();
    }),
  );
  byId("search").addEventListener("input", filter);
  byId("sort").addEventListener("change", sort);
  byId("clear").addEventListener("click", clear);
  byId("overlays").addEventListener("click", toggleOverlays);
  cards.forEach((card) => card.element.querySelector(".open").addEventListener("click", () => show(card)));
  document.querySelectorAll("[data-layer]").forEach((button) =>
    button.addEventListener("click", () => {
      press(button, !isPressed(button));
      setLayers();
    }),
  );
  byId("wipe").addEventListener("input", (event) => wipe(Number(event.target.value)));
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    history.replaceState(null, "", "#");
    if (current) current.element.querySelector(".open").focus();
    current = null;
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input, select, textarea");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = {
      o: toggleOverlays,
      ...(dialog.open
        ? { ArrowLeft: () => step(-1), ArrowRight: () => step(1) }
        : { "/": () => byId("search").focus() }),
    };
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  let unfolded = [];
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("img[loading=lazy]").forEach((image) => (image.loading = "eager"));
    unfolded = [...document.querySelectorAll(".legend:not([open])")];
    unfolded.forEach((legend) => (legend.open = true));
    if (dialog.open && stageOverlay) layTags(stageOverlay, ...PAPER_STAGE);
  });
  window.addEventListener("afterprint", () => {
    unfolded.forEach((legend) => (legend.open = false));
    if (dialog.open && stageOverlay) layTags(stageOverlay);
  });

  cards.forEach(observe);
  filter();
  const linked = cards.find((card) => `#${card.element.id}` === location.hash);
  if (linked) show(linked);
})();
