"use strict";
(() => {
  const one = (id) => document.getElementById(id);
  const list = one("list"), tools = one("tools");
  const copy = async (text, button) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const { name, label } = button.dataset;
    button.ariaLabel = button.textContent = "Copied";
    setTimeout(() => { button.textContent = name; button.ariaLabel = label; }, 1500);
  };
  const button = (name, label, text) => {
    const it = document.createElement("button");
    it.type = "button";
    it.className = "mini";
    it.textContent = it.dataset.name = name;
    it.ariaLabel = it.dataset.label = label;
    it.addEventListener("click", () => copy(text, it));
    return it;
  };
  // Buttons come with what they belong to, so that thousands of closed lines stay light.
  const equip = (root) => {
    if (root.dataset.equipped) return;
    root.dataset.equipped = "1";
    for (const code of root.querySelectorAll("code.copy")) {
      code.after(button("Copy", "Copy " + code.textContent, code.textContent));
    }
  };
  equip(one("todo"));
  if (!tools) return;
  tools.hidden = false;

  const items = [...list.children].map((node, rank) => ({ node, rank, text: null, data: node.dataset }));
  const toolOf = (it) => it.node.querySelector(".tool").textContent;
  const q = one("q"), tool = one("tool"), sort = one("sort"), accepted = one("accepted");
  const bands = [...tools.querySelectorAll("[name=band]")];
  const number = (text, none) => (text === undefined ? none : Number(text));
  const orders = {
    risk: (a, b) => a.rank - b.rank,
    tool: (a, b) => toolOf(a).localeCompare(toolOf(b)) || a.rank - b.rank,
    age: (a, b) => number(b.data.age, -1) - number(a.data.age, -1) || a.rank - b.rank,
    end: (a, b) => number(a.data.end, Infinity) - number(b.data.end, Infinity) || a.rank - b.rank,
    path: (a, b) => pathOf(a).localeCompare(pathOf(b)) || a.rank - b.rank,
  };
  const pathOf = (it) => it.node.querySelector("dd").textContent;
  let order = "risk";

  const apply = () => {
    const words = q.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shownBands = new Set(bands.filter((it) => it.checked).map((it) => it.value));
    let shown = 0;
    for (const it of items) {
      if (words.length && it.text === null) it.text = it.node.textContent.toLowerCase();
      const fits = shownBands.has(it.data.band)
        && (accepted.checked || it.data.accepted === undefined)
        && (!tool.value || toolOf(it) === tool.value)
        && words.every((word) => it.text.includes(word));
      if (it.node.hidden === fits) it.node.hidden = !fits;
      shown += fits;
    }
    if (sort.value !== order) {
      order = sort.value;
      const sorted = [...items].sort(orders[order]);
      const nodes = document.createDocumentFragment();
      for (const it of sorted) nodes.append(it.node);
      list.append(nodes);
    }
    one("shown").textContent = shown === items.length ? `All ${shown} shown.` : `${shown} of ${items.length} shown.`;
  };

  const remember = () => {
    const state = new URLSearchParams();
    if (q.value) state.set("q", q.value);
    if (tool.value) state.set("t", tool.value);
    if (sort.value !== "risk") state.set("o", sort.value);
    const some = bands.filter((it) => it.checked);
    if (some.length < bands.length) state.set("s", some.map((it) => it.value).join(""));
    if (!accepted.checked) state.set("a", "0");
    history.replaceState(null, "", "#" + (state.toString() || "findings"));
  };

  const recall = (state) => {
    q.value = state.get("q") ?? "";
    tool.value = state.get("t") ?? "";
    sort.value = orders[state.get("o")] ? state.get("o") : "risk";
    const some = state.get("s");
    for (const it of bands) it.checked = some === null || some.includes(it.value);
    accepted.checked = state.get("a") !== "0";
    apply();
  };

  // #f-… is a finding, #name a section, #key=value a filter.
  const go = () => {
    const hash = location.hash.slice(1);
    if (hash.includes("=")) {
      recall(new URLSearchParams(hash));
      one("findings").scrollIntoView();
      return;
    }
    const it = hash.startsWith("f-") && one(hash);
    if (!it) return;
    if (it.hidden) recall(new URLSearchParams());
    const details = it.querySelector("details");
    details.open = true;
    it.scrollIntoView();
    details.querySelector("summary").focus({ preventScroll: true });
  };

  let pending = 0;
  const changed = () => {
    clearTimeout(pending);
    pending = setTimeout(() => { apply(); remember(); }, 60);
  };
  tools.addEventListener("input", changed);
  one("clear").addEventListener("click", () => { recall(new URLSearchParams()); remember(); q.focus(); });
  list.addEventListener("toggle", (event) => {
    const details = event.target;
    if (!details.open || details.dataset.equipped) return;
    equip(details);
    const link = location.href.split("#")[0] + "#" + details.parentElement.id;
    const last = document.createElement("p");
    last.append(button("Copy link", "Copy link to this finding", link));
    details.append(last);
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
      event.preventDefault();
      q.focus();
    }
  });
  // Paper cannot be opened. Very long lists stay closed, and are filtered first.
  let closed = [];
  addEventListener("beforeprint", () => {
    const visible = items.filter((it) => !it.node.hidden).map((it) => it.node.querySelector("details"));
    closed = visible.length > 300 ? [] : visible.filter((it) => !it.open);
    for (const it of closed) it.open = true;
  });
  addEventListener("afterprint", () => { for (const it of closed) it.open = false; });
  addEventListener("hashchange", go);
  apply();
  go();
})();
