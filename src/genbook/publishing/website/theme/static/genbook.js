/* What a page of the book does by script. Without it everything can still be read. */
(function () {
  "use strict";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const all = (selector, from) => [...(from || document).querySelectorAll(selector)];

  /* Colours: as the system, light, dark. */
  const button = document.querySelector(".gb-theme");
  const modes = ["auto", "light", "dark"];
  const words = { auto: "as the system", light: "light", dark: "dark" };
  const showMode = () => {
    const label = "Colours: " + words[root.dataset.theme || "auto"];
    button.querySelector(".gb-sr").textContent = label;
    button.title = label;
  };
  if (button) {
    button.hidden = false;
    showMode();
    button.addEventListener("click", () => {
      const other = system.matches ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
      const now = root.dataset.theme || "auto";
      const mode = other[(other.indexOf(now) + 1) % modes.length];
      if (mode === "auto") delete root.dataset.theme;
      else root.dataset.theme = mode;
      try { localStorage.setItem("genbook-theme", mode); } catch (error) { /* private */ }
      showMode();
    });
  }

  /* What is wider than the page scrolls by itself: let the keyboard reach it. */
  const names = [["pre", "Code"], [".gb-formula", "Formula"], ["*", "Table"]];
  const scrollable = "main pre, main .gb-formula, main .gb-table, main .text_html";
  const reach = () => all(scrollable).forEach((box) => {
    if (box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", names.find(([part]) => box.matches(part))[1]);
    } else if (box.tabIndex === 0) {
      box.removeAttribute("tabindex");
      box.removeAttribute("role");
      box.removeAttribute("aria-label");
    }
  });
  let waiting;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(reach, 200); });
  reach();
  document.fonts.ready.then(reach);
  all("details").forEach((d) => d.addEventListener("toggle", reach));

  /* Copy a cell of code. */
  all("main div.highlight").forEach((box) => {
    const code = box.querySelector("pre");
    if (!code || !navigator.clipboard || box.closest(".cell_output")) return;
    const copy = document.createElement("button");
    copy.type = "button";
    copy.className = "gb-copy";
    copy.textContent = "Copy";
    copy.setAttribute("aria-label", "Copy this code");
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent.replace(/\n$/, ""));
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = "Copy"; }, 1600);
    });
    box.append(copy);
  });

  /* On this page: mark the section that is being read. */
  const links = new Map(all(".gb-sections a").map((a) => [a.hash.slice(1), a]));
  if (links.size && "IntersectionObserver" in window) {
    const seen = new Set();
    const watch = new IntersectionObserver((entries) => {
      entries.forEach((e) => seen[e.isIntersecting ? "add" : "delete"](e.target));
      const last = [...links.keys()].filter((id) => seen.has(document.getElementById(id))).pop();
      if (last === undefined) return;
      links.forEach((a, id) => {
        if (id === last) a.setAttribute("aria-current", "true");
        else a.removeAttribute("aria-current");
      });
    }, { rootMargin: "-10% 0px -70% 0px" });
    links.forEach((_, id) => { const s = document.getElementById(id); if (s) watch.observe(s); });
  }
  /* A link inside a popover leads away from it. */
  all("[popover]").forEach((p) => p.addEventListener("click", (event) => {
    if (event.target.closest("a") && p.matches(":popover-open")) p.hidePopover();
  }));

  /* Ctrl+K, or the Mac's way, goes to the search. */
  addEventListener("keydown", (event) => {
    const field = document.getElementById("gb-q");
    if (event.key !== "k" || !(event.ctrlKey || event.metaKey) || !field) return;
    if (!field.getClientRects().length) return;
    event.preventDefault();
    field.focus();
  });

  /* On paper every answer is open. */
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    opened.forEach((d) => { d.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((d) => { d.open = false; }));
})();
