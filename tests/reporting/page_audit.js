// What is wrong with a page, as sentences: evaluated in it, in the colours and width it is shown.
() => {
  const found = [];
  const say = (condition, sentence) => { if (!condition) found.push(sentence); };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const shown = (e) => e.checkVisibility({ checkVisibilityCSS: true, contentVisibilityAuto: true });
  const brief = (e) => `<${e.tagName.toLowerCase()}> ${(e.textContent || "").trim().slice(0, 40)}`;

  say(document.documentElement.lang === "en", "no language");
  say(document.title.trim(), "no title");
  say(all("main").length === 1, `${all("main").length} main landmarks`);
  say(all("h1").length === 1, `${all("h1").length} first headings`);
  let level = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6")) {
    const here = Number(heading.tagName[1]);
    say(here <= level + 1, `heading out of order: ${brief(heading)}`);
    level = here;
  }
  const ids = all("[id]").map((e) => e.id);
  say(new Set(ids).size === ids.length, "an identifier is used twice");
  for (const image of all("img")) {
    say(image.hasAttribute("alt"), `no alternative text: ${image.outerHTML.slice(0, 60)}`);
    say(image.complete && image.naturalWidth > 0, `not loaded: ${image.alt}`);
  }
  for (const drawing of all("svg")) {
    const named = drawing.querySelector(":scope > title") || drawing.getAttribute("aria-label");
    say(named || drawing.closest("[aria-hidden]"), "a drawing without a name");
  }
  for (const link of all("a[href^='#']")) {
    say(document.getElementById(decodeURIComponent(link.hash.slice(1))), `leads nowhere: ${brief(link)}`);
  }
  for (const element of all("a[href], button, input, summary, [role=region], nav")) {
    const name = element.getAttribute("aria-label") || element.textContent.trim();
    say(name, `without a name: ${element.outerHTML.slice(0, 60)}`);
  }
  const root = document.documentElement;
  say(root.scrollWidth <= root.clientWidth, `the page is ${root.scrollWidth - root.clientWidth} px too wide`);
  for (const box of all("body *")) {
    if (!shown(box) || box.closest("svg")) continue;
    const style = getComputedStyle(box);
    const cut = box.scrollWidth > box.clientWidth + 1 && box.clientWidth > 1;
    if (cut && /auto|scroll/.test(style.overflowX)) {
      say(box.tabIndex >= 0 || box.matches("table, pre"), `scrolls, but not by keyboard: ${brief(box)}`);
    }
  }

  // Contrast (WCAG 2.2, 1.4.3): of every piece of text against what is painted behind it.
  const numbers = (color) => {
    const parts = color.match(/[\d.]+/g).map(Number);
    return color.startsWith("color(") ? parts.map((x, i) => (i < 3 ? x * 255 : x)) : parts;
  };
  const over = (top, below) => {
    const alpha = top[3] ?? 1;
    return [0, 1, 2].map((i) => alpha * top[i] + (1 - alpha) * below[i]);
  };
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(numbers(getComputedStyle(e).backgroundColor));
    const dark = getComputedStyle(root).colorScheme.includes("dark") && matchMedia("(prefers-color-scheme: dark)").matches;
    return layers.reverse().reduce((below, top) => over(top, below), dark ? [18, 18, 18] : [255, 255, 255]);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((x) => (x / 255 <= 0.04045 ? x / 255 / 12.92 : ((x / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (color, below) => {
    const lights = [luminance(over(color, below)), luminance(below)];
    return (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
  };
  // Of a drawing's text: against the box of its card or label, else the drawing's own ground.
  const opacity = (element, end) => {
    let product = 1;
    for (let e = element; e && e !== end; e = e.parentElement) product *= Number(getComputedStyle(e).opacity);
    return product;
  };
  for (const text of all("svg text")) {
    if (!shown(text) || !text.textContent.trim()) continue;
    const drawing = text.closest("svg");
    const ground = [drawing.querySelector(".cg-paper"), text.closest(".cg-card, .cg-local")?.querySelector(".cg-box, rect")];
    const below = ground.filter(Boolean).reduce((under, shape) => {
      const fill = getComputedStyle(shape).fill;
      return fill === "none" ? under : over([...numbers(fill).slice(0, 3), opacity(shape, drawing)], under);
    }, behind(drawing.parentElement));
    const ink = [...numbers(getComputedStyle(text).fill).slice(0, 3), opacity(text, drawing)];
    const ratio = contrast(ink, below);
    say(ratio >= 4.5, `contrast ${ratio.toFixed(2)} in a drawing: ${brief(text)}`);
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !shown(element) || element.closest("svg, script, style")) continue;
    const style = getComputedStyle(element);
    const below = behind(element);
    const ratio = contrast(numbers(style.color), below);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    say(ratio >= (large ? 3 : 4.5), `contrast ${ratio.toFixed(2)}: ${brief(element)}`);
  }
  return [...new Set(found)];
}
