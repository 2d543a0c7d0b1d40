"use strict";
(() => {
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (selector) => [...document.querySelectorAll(selector)];
  const picture = document.querySelector(".picture");
  const sections = find(".step");
  const lines = find(".source li");
  const live = document.getElementById("live");
  const count = document.getElementById("count");
  const slider = document.getElementById("slider");
  const buttons = Object.fromEntries(["first", "back", "next", "last"].map((id) => [id, document.getElementById(id)]));
  const last = sections.length - 1;
  const nodesOf = (card) => card.dataset.nodes.split(" ").filter(Boolean).map(Number);
  const cards = find(".picture .cg-card").filter((card) => card.dataset.card !== "-1");
  const arrows = find(".picture [data-from]");
  const grads = find(".picture .cg-grad").map((group) => {
    const numbers = [...group.querySelectorAll(".cg-number")];
    return { group, numbers, node: Number(group.dataset.node), final: numbers.map((text) => text.textContent) };
  });
  const values = find(".picture .cg-value");
  let current = -1;

  const toggle = (element, names) => {
    for (const [name, on] of Object.entries(names)) element.classList.toggle(name, Boolean(on));
  };

  // Everything follows from the steps up to the current one; nothing is remembered.
  const draw = (index) => {
    const known = new Set();
    const sums = new Map();
    const passed = new Set();
    for (const step of data.steps.slice(0, index + 1)) {
      step.values.forEach((node) => known.add(node));
      Object.entries(step.sums).forEach(([node, sum]) => sums.set(Number(node), sum));
      step.edges.forEach(([from, to]) => passed.add(`${from}-${to}`));
    }
    const step = data.steps[index];
    const now = new Set(step.nodes);
    const receives = new Set(Object.keys(step.sums).map(Number));
    const lit = new Set(step.edges.map(([from, to]) => `${from}-${to}`));
    const back = step.back;
    for (const card of cards) {
      const nodes = nodesOf(card);
      const here = nodes.some((node) => now.has(node));
      const later = !nodes.some((node) => known.has(node));
      if (card.classList.contains("cg-reference")) {
        toggle(card, { later });
        continue;
      }
      toggle(card, {
        later,
        current: here && !back,
        "current-back": here && back,
        receives: back && !here && nodes.some((node) => receives.has(node)),
      });
    }
    for (const arrow of arrows) {
      const key = `${arrow.dataset.from}-${arrow.dataset.to}`;
      const on = lit.has(key);
      toggle(arrow, { lit: on && !back, "lit-back": on && back, later: !passed.has(key) });
      if (arrow.classList.contains("cg-local")) arrow.classList.toggle("unknown", !passed.has(key));
    }
    for (const group of values) group.classList.toggle("unknown", !known.has(Number(group.dataset.node)));
    for (const { group, numbers, node, final } of grads) {
      const sum = sums.get(node);
      toggle(group, { unknown: !sum && !data.fixed.includes(node), "so-far": sum && !sum.complete });
      const texts = sum && sum.cells.length === numbers.length ? sum.cells : final;
      numbers.forEach((text, k) => { text.textContent = texts[k]; });
    }
    lines.forEach((line) => {
      const on = step.lines.includes(line.dataset.line);
      toggle(line, { now: on && !back, "now-back": on && back });
      if (on) line.setAttribute("aria-current", "step"); else line.removeAttribute("aria-current");
    });
  };

  // Bring the current card into the picture's own window, without moving the page.
  const scroll = (smooth) => {
    const card = cards.find((each) => each.matches(".current, .current-back"));
    if (!card) return;
    const box = card.getBoundingClientRect();
    const frame = picture.getBoundingClientRect();
    const inside = box.left >= frame.left + 8 && box.right <= frame.right - 8 && box.top >= frame.top + 8 && box.bottom <= frame.bottom - 8;
    if (inside) return;
    picture.scrollBy({
      left: (box.left + box.right - frame.left - frame.right) / 2,
      top: (box.top + box.bottom - frame.top - frame.bottom) / 2,
      behavior: smooth && !matchMedia("(prefers-reduced-motion: reduce)").matches ? "smooth" : "auto",
    });
  };

  const go = (index, announce = true) => {
    index = Math.max(0, Math.min(last, index));
    if (index === current) return;
    current = index;
    sections.forEach((section, k) => { section.hidden = k !== index; });
    draw(index);
    scroll(announce);
    count.textContent = `Step ${index + 1} of ${last + 1}`;
    slider.value = index;
    slider.setAttribute("aria-valuetext", `${index + 1} of ${last + 1}: ${data.steps[index].title}`);
    buttons.first.disabled = buttons.back.disabled = index === 0;
    buttons.next.disabled = buttons.last.disabled = index === last;
    if (announce) live.textContent = `Step ${index + 1} of ${last + 1}. ${data.steps[index].spoken}`;
    try { history.replaceState(null, "", `#step-${index + 1}`); } catch { /* a page without an address */ }
  };

  const keys = { ArrowRight: 1, ArrowLeft: -1 };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const at = event.target;
    if (at === slider) return;
    const operable = at instanceof Element && at.closest("button, summary, a, input");
    let to = null;
    if (event.key in keys && !event.shiftKey) to = current + keys[event.key];
    else if (event.key === "Home") to = 0;
    else if (event.key === "End") to = last;
    else if (event.key === " " && !operable) to = current + (event.shiftKey ? -1 : 1);
    if (to === null) return;
    event.preventDefault();
    go(to);
  });
  buttons.first.addEventListener("click", () => go(0));
  buttons.back.addEventListener("click", () => go(current - 1));
  buttons.next.addEventListener("click", () => go(current + 1));
  buttons.last.addEventListener("click", () => go(last));
  slider.addEventListener("input", () => go(Number(slider.value)));
  picture.addEventListener("click", (event) => {
    const card = event.target.closest(".cg-card[data-nodes]");
    if (!card) return;
    const nodes = nodesOf(card);
    const wanted = (step, k) => step.nodes.some((node) => nodes.includes(node)) && k !== current;
    const behind = data.steps[current].back;
    let to = data.steps.findIndex((step, k) => wanted(step, k) && step.back === behind);
    if (to < 0) to = data.steps.findIndex(wanted);
    if (to >= 0) go(to);
  });
  window.addEventListener("hashchange", () => go(asked()));
  const asked = () => {
    const found = /^#step-(\d+)$/.exec(location.hash);
    return found ? Number(found[1]) - 1 : 0;
  };

  root.classList.add("js");
  slider.max = last;
  go(asked(), false);
})();
