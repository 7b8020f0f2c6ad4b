// Comforts of the ballot: no more choices than allowed, one click on the button. The server enforces both without it.
"use strict";

const ballot = document.querySelector("form.ballot");

for (const question of ballot.querySelectorAll("fieldset[data-max]")) {
  const boxes = [...question.querySelectorAll("input[type=checkbox]")];
  const most = Number(question.dataset.max);
  const limit = () => {
    const full = boxes.filter((box) => box.checked).length >= most;
    for (const box of boxes) box.disabled = full && !box.checked;
  };
  question.addEventListener("change", limit);
  limit();
}

const button = ballot.querySelector("button[type=submit]");
ballot.addEventListener("submit", () => setTimeout(() => { button.disabled = true; }));
addEventListener("pageshow", () => { button.disabled = false; }); // back from the results
