(() => {
  "use strict";
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);

  const place = (event) => {
    const target = event.target instanceof Element ? event.target.closest("[data-tip]") : null;
    if (!target) { tip.hidden = true; return; }
    const [first, ...rest] = target.getAttribute("data-tip").split("\n");
    const head = document.createElement("b");
    head.textContent = first;
    tip.replaceChildren(head, ...rest.map((words) => {
      const row = document.createElement("span");
      row.textContent = words;
      return row;
    }));
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const left = event.clientX + 14 + width > innerWidth ? event.clientX - 14 - width : event.clientX + 14;
    const top = event.clientY + 16 + height > innerHeight ? event.clientY - 12 - height : event.clientY + 16;
    tip.style.left = `${Math.max(6, left)}px`;
    tip.style.top = `${Math.max(6, top)}px`;
  };
  addEventListener("pointermove", place, { passive: true });
  addEventListener("pointerdown", place, { passive: true });
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  // A browser would show the title of a whole picture as a second tooltip.
  for (const title of document.querySelectorAll("svg > title")) {
    title.parentNode.setAttribute("aria-label", title.textContent);
    title.parentNode.removeAttribute("aria-labelledby");
    title.remove();
  }

  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const seen = new Set();
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) entry.isIntersecting ? seen.add(entry.target.id) : seen.delete(entry.target.id);
    const current = [...links.keys()].find((name) => seen.has(name));
    for (const [name, link] of links) {
      if (name === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }, { rootMargin: "-10% 0px -60% 0px" });
  for (const section of document.querySelectorAll("section[id]")) watch.observe(section);
})();
