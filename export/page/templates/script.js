// Sorting and filtering of tables. Without it the page says the same: the controls are made here.
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows].at(-1).cells;
  const key = (row, at) => {
    const cell = row.cells[at];
    if (cell.dataset.k !== undefined) return Number(cell.dataset.k);
    const text = cell.textContent.trim();
    const number = /^[+−-]?[\d,.]+(e[+-]\d+)?/.exec(text);
    return number ? Number(number[0].replaceAll(",", "").replace("−", "-")) : text;
  };
  // What has no figure comes last, whichever way it is sorted.
  const compare = (a, b, sign) => {
    const [noA, noB] = [a, b].map((value) => value === "–" || value === "");
    if (noA || noB) return noA - noB;
    return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  };
  for (const [at, head] of [...heads].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      body.append(...[...rows].sort((a, b) => compare(key(a, at), key(b, at), sign)));
    });
  }
  const box = document.createElement("div");
  box.className = "filter";
  const label = document.createElement("label");
  const input = document.createElement("input");
  input.type = "search";
  input.id = `filter-${table.id}`;
  input.placeholder = table.dataset.hint;
  label.htmlFor = input.id;
  label.textContent = "Filter";
  const count = document.createElement("span");
  count.className = "quiet";
  count.textContent = "A heading sorts by its column.";
  count.setAttribute("role", "status");
  box.append(label, input, count);
  table.closest(".scroll").before(box);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = words.length ? `${shown} of ${rows.length} rows` : "A heading sorts by its column.";
  });
}
