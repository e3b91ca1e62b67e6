// Conveniences only: the report can be read without any of this.
"use strict";
(() => {
  const open = (target) => {
    for (let at = target; at; at = at.parentElement) {
      if (at.tagName === "DETAILS") at.open = true;
    }
  };
  const follow = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    open(target);
    target.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  follow();

  const within = document.getElementById("transcripts");
  const tools = document.getElementById("tools");
  if (!within || !tools) return;
  tools.hidden = false;
  const foldAll = (isOpen) => {
    for (const one of within.querySelectorAll("details")) one.open = isOpen;
  };
  document.getElementById("unfold").addEventListener("click", () => foldAll(true));
  document.getElementById("fold").addEventListener("click", () => foldAll(false));

  const field = document.getElementById("filter");
  const matches = document.getElementById("matches");
  const entries = [...within.querySelectorAll(".turn > ol > li")];
  let waiting = 0;
  const filter = () => {
    const wanted = field.value.trim().toLowerCase();
    let found = 0;
    for (const entry of entries) {
      const fits = !wanted || entry.textContent.toLowerCase().includes(wanted);
      entry.hidden = !fits;
      if (fits && wanted) found += 1;
    }
    for (const turn of within.querySelectorAll(".turn")) {
      turn.hidden = Boolean(wanted) && !turn.querySelector("ol > li:not([hidden])");
    }
    if (wanted) {
      for (const agent of within.querySelectorAll("details.agent")) {
        agent.open = Boolean(agent.querySelector(".turn:not([hidden])"));
      }
    }
    matches.textContent = wanted ? `${found} entries` : "";
  };
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 120);
  });
})();
