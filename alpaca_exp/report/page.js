(() => {
  "use strict";
  const root = document.documentElement;
  const every = (selector, within = document) => [...within.querySelectorAll(selector)];
  const key = (name) => `alpaca_exp.report.${location.pathname}.${name}`;
  const kept = (name) => { try { return sessionStorage.getItem(key(name)); } catch { return null; } };
  const keep = (name, value) => { try { sessionStorage.setItem(key(name), value); } catch { /* a private window */ } };
  const said = document.querySelector("#said");
  /* What a thing goes by when the page is made anew: its place may be another one then. */
  const names = new Map();
  const named = (element, text) => {
    const name = `${element.closest("section")?.id ?? ""} ${text.replace(/\d/g, "")}`;
    names.set(name, (names.get(name) ?? 0) + 1);
    return `${name} ${names.get(name)}`;
  };

  const theme = document.querySelector("button.theme");
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const told = () => { theme.textContent = dark() ? "Light" : "Dark"; };
  if (kept("theme")) root.dataset.theme = kept("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; keep("theme", root.dataset.theme); told(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", told);
  told();

  /* Tables sort by their columns. */
  const value = (cell) => {
    const text = cell?.dataset.sort ?? cell?.textContent.trim() ?? "";
    const number = text === "" ? NaN : Number(text);
    return Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) => {
    if (a === "" || b === "") return a === b ? 0 : null;
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  };
  const sort = (table, column, way) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row, index) => ({ row, index, value: value(row.cells[column]) }));
    rows.sort((a, b) => {
      const found = compare(a.value, b.value);
      if (found === null) return a.value === "" ? 1 : -1; // what has no number stays below, either way
      return way * found || a.index - b.index;
    });
    body.append(...rows.map((one) => one.row));
  };
  const headsOf = (table) => {
    const rows = [...table.tHead.rows];
    return [...(rows.length > 1 ? [rows[0].cells[0]] : []), ...rows.at(-1).cells];
  };
  every("table.sortable, .main table, .claims table").forEach((table) => {
    const name = named(table, `sort ${table.closest(".wide")?.getAttribute("aria-label") ?? ""}`);
    const heads = headsOf(table);
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      const apply = (way) => {
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
        sort(table, column, way);
        keep(name, `${column},${way}`);
      };
      button.addEventListener("click", () => {
        const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        apply(way);
        said.textContent = `sorted by ${button.textContent}, ${way > 0 ? "ascending" : "descending"}`;
      });
      const [chosen, way] = (kept(name) ?? "").split(",").map(Number);
      if (kept(name) && chosen === column) apply(way);
    });
  });

  const folds = every("details");
  folds.forEach((fold) => {
    const name = named(fold, `fold ${fold.closest("figure")?.querySelector("h3").textContent ?? ""} ${fold.querySelector("summary").textContent}`);
    if (kept(name) === "open") fold.open = true;
    fold.addEventListener("toggle", () => keep(name, fold.open ? "open" : ""));
  });
  addEventListener("beforeprint", () => folds.forEach((fold) => { fold.dataset.was = fold.open ? "open" : ""; if (!fold.classList.contains("long")) fold.open = true; }));
  addEventListener("afterprint", () => folds.forEach((fold) => { fold.open = fold.dataset.was === "open"; }));
  const unfold = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  if (!kept("place")) unfold();

  /* A number shows where it is from. */
  const dialog = document.querySelector("#from");
  const list = (title, items) => {
    const [head, ul] = [document.createElement("h3"), document.createElement("ul")];
    head.textContent = `${title} (${items.length})`;
    items.forEach((parts) => { const li = document.createElement("li"); li.append(...parts); ul.append(li); });
    return items.length ? [head, ul] : [];
  };
  const copies = (cell, text) => every("a", cell).map((link) => {
    const copy = link.cloneNode(true);
    copy.textContent = text ?? link.textContent;
    return copy;
  });
  const origin = (number) => {
    const row = document.querySelector(number.hash);
    const runs = every("a", row.cells[2]).map((link) => document.querySelector(link.hash));
    const told = runs.map((run) => {
      const [seeds, , , , answers, log] = [...run.cells].slice(-6);
      const more = [...copies(answers, "its answers"), ...copies(log, "its log")].flatMap((link) => [", ", link]);
      return [...copies(run.cells[0]), `: ${seeds.textContent}`, ...more];
    });
    const artifacts = copies(row.cells[3]).map((link) => [link]);
    const pre = document.createElement("pre");
    const few = runs.length > 0 && runs.length <= 12;
    pre.textContent = few ? document.querySelector("#sources").dataset.export.replace("RUNS", runs.map((run) => run.cells[0].textContent).join(" ")) : "";
    const pack = document.createElement("p");
    pack.textContent = "To take them along, with all that they rest on:";
    return [...list("Runs", told), ...list("Artifacts", artifacts), ...(few ? [pack, pre] : [])];
  };
  const placed = (number) => {
    const head = headsOf(number.closest("table"))[number.closest("td").cellIndex];
    return `${head.textContent} of ${document.querySelector(number.hash).cells[0].textContent}`;
  };
  const show = (number) => {
    dialog.querySelector("h2").textContent = number.textContent;
    const size = document.querySelector(number.hash).cells[1].textContent;
    dialog.querySelector("p").textContent = [placed(number), size].filter(Boolean).join(", over ");
    dialog.querySelector("div").replaceChildren(...origin(number));
    dialog.showModal();
    dialog.scrollTop = 0;
  };
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.addEventListener("click", (event) => {
    const number = event.target.closest?.("a.n");
    if (!number || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    show(number);
  });

  /* One stop of the Tab key a table; arrows go from number to number. */
  const numbersOf = (table) => every("a.n", table);
  every("table").forEach((table) => numbersOf(table).forEach((number, place) => { number.tabIndex = place ? -1 : 0; }));
  const ways = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const next = (number, [down, right]) => {
    if (right) { const all = numbersOf(number.closest("table")); return all[all.indexOf(number) + right]; }
    const cell = number.closest("td");
    const place = every("a.n", cell).indexOf(number);
    for (let row = cell.parentElement; (row = down > 0 ? row.nextElementSibling : row.previousElementSibling);) {
      const found = row.cells[cell.cellIndex] && every("a.n", row.cells[cell.cellIndex]);
      if (found?.length) return found[Math.min(place, found.length - 1)];
    }
    return null;
  };
  document.addEventListener("keydown", (event) => {
    const number = document.activeElement?.closest?.("td a.n");
    if (!number || !ways[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
    const found = next(number, ways[event.key]);
    event.preventDefault();
    if (!found) return;
    number.tabIndex = -1;
    found.tabIndex = 0;
    found.focus();
  });

  /* A page that is made anew looks for the newer one, and stays where it was read. */
  const mark = (element) => element && element !== document.body ? [element.tagName, element.closest("section")?.id ?? "", element.textContent.slice(0, 80)] : null;
  const back = () => {
    const told = kept("place");
    if (!told) return;
    keep("place", "");
    const { left, top, sides, focus } = JSON.parse(told);
    every(".wide").forEach((wide, place) => { wide.scrollLeft = sides[place] ?? 0; });
    scrollTo(left, top);
    if (focus) every(focus[0].toLowerCase()).find((one) => String(mark(one)) === String(focus))?.focus({ preventScroll: true });
  };
  if (kept("place")) history.scrollRestoration = "manual";
  back();
  const refresh = Number(root.dataset.live ?? 0);
  if (refresh) {
    const [time, opened] = [document.querySelector(".live time"), Date.now()];
    const since = document.createElement("span");
    time.after(since);
    let touched = 0;
    for (const kind of ["keydown", "pointerdown", "wheel", "touchmove"]) addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
    const look = () => {
      since.textContent = ` (${Math.max(0, Math.round((Date.now() - new Date(time.dateTime)) / 1000))} s ago)`;
      const busy = document.readyState !== "complete" || document.hidden || dialog.open || !getSelection().isCollapsed || Date.now() - touched < 1500;
      if (busy || Date.now() - opened < 1000 * refresh) return;
      const sides = every(".wide").map((wide) => wide.scrollLeft);
      keep("place", JSON.stringify({ left: scrollX, top: scrollY, sides, focus: mark(document.activeElement) }));
      location.reload();
    };
    look();
    setInterval(look, 500);
  }
  root.dataset.ready = "";
})();
