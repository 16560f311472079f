(() => {
  "use strict";
  const root = document.documentElement;
  const key = (name) => `alpaca_exp.report.${location.pathname}.${name}`;
  const kept = (name) => { try { return sessionStorage.getItem(key(name)); } catch { return null; } };
  const keep = (name, value) => { try { sessionStorage.setItem(key(name), value); } catch { /* a private window */ } };
  const said = document.querySelector("#said");

  const theme = document.querySelector("button.theme");
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const told = () => { theme.textContent = dark() ? "Light" : "Dark"; };
  if (kept("theme")) root.dataset.theme = kept("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; keep("theme", root.dataset.theme); told(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", told);
  told();

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
  document.querySelectorAll("table.sortable, .main table").forEach((table, number) => {
    const rows = [...table.tHead.rows];
    const heads = [...(rows.length > 1 ? [rows[0].cells[0]] : []), ...rows.at(-1).cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      const apply = (way) => {
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
        sort(table, column, way);
        keep(`sort${number}`, `${column},${way}`);
      };
      button.addEventListener("click", () => {
        const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        apply(way);
        said.textContent = `sorted by ${button.textContent}, ${way > 0 ? "ascending" : "descending"}`;
      });
      const [chosen, way] = (kept(`sort${number}`) ?? "").split(",").map(Number);
      if (kept(`sort${number}`) && chosen === column) apply(way);
    });
  });

  const folds = [...document.querySelectorAll("details")];
  folds.forEach((fold, number) => {
    if (kept(`fold${number}`) === "open") fold.open = true;
    fold.addEventListener("toggle", () => keep(`fold${number}`, fold.open ? "open" : ""));
  });
  addEventListener("beforeprint", () => folds.forEach((fold) => { fold.dataset.was = fold.open ? "open" : ""; if (!fold.classList.contains("long")) fold.open = true; }));
  addEventListener("afterprint", () => folds.forEach((fold) => { fold.open = fold.dataset.was === "open"; }));
  root.dataset.ready = "";
})();
