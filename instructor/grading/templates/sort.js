for (const head of document.querySelectorAll(".sortable th")) {
  const button = document.createElement("button");
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = [...head.closest("table").rows].slice(1);
    const value = row => row.cells[head.cellIndex].dataset.value ?? row.cells[head.cellIndex].textContent.trim();
    const compare = (one, other) => one - other || one.localeCompare(other);
    rows.sort((one, other) => (up ? 1 : -1) * compare(value(one), value(other)));
    rows[0]?.parentElement.append(...rows);
  });
}
