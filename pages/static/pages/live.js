// Keeps the results page up to date: follows the stream of results, else asks every second; rests while nobody looks, backs off on trouble.
"use strict";

const page = document.querySelector("[data-live]");
const PACE = 1000; // ms between two questions
const SLOWEST = 30000; // ms between two questions when the server is in trouble
const ANNOUNCE_EVERY = 15000; // ms; a screen reader should not be talked over by every vote
const OWN_TRIES = 5; // each waits up to two seconds on the server
const STREAM_PATIENCE = 5000; // ms in which a stream must say something, else something between us holds it back
const STREAM_REST = 60000; // ms of asking instead, after a stream that was no good

const number = new Intl.NumberFormat("en");
const find = (name, within = page) => within.querySelector(`[data-${name}]`);
let etag = page.dataset.etag;
let version = 0;
let after = page.dataset.after;
let tries = 0;
let failures = 0;
let announcedAt = Date.now();
let timer = 0;
let stream = null;
let streamAgainAt = 0;

function drawQuestion(question) {
  const section = page.querySelector(`[data-question="${question.id}"]`);
  const rows = new Map([...section.querySelectorAll("[data-choice]")].map((row) => [row.dataset.choice, row]));
  const most = Math.max(...question.choices.map((choice) => choice.votes));
  for (const choice of question.choices) {
    const row = rows.get(choice.id);
    const percent = (choice.share * 100).toFixed(1);
    row.classList.toggle("leading", most > 0 && choice.votes === most);
    find("percent", row).textContent = `${percent} %`;
    find("votes", row).textContent = number.format(choice.votes);
    row.querySelector(".fill").setAttribute("width", `${percent}%`);
  }
  const answered = find("question-ballots", section);
  if (answered) answered.textContent = number.format(question.ballots);
  if (page.dataset.order === "votes") sortRows(section.querySelector("ol"), rows, question.choices);
}

function sortRows(list, rows, choices) {
  const sorted = [...choices].sort((one, other) => other.votes - one.votes).map((choice) => rows.get(choice.id));
  if (sorted.some((row, index) => list.children[index] !== row)) list.append(...sorted);
}

function draw(results) {
  if (results.version < version) return; // never back to something older
  const known = results.questions.every((question) => page.querySelector(`[data-question="${question.id}"]`)
    && question.choices.every((choice) => page.querySelector(`[data-choice="${choice.id}"]`)));
  if (!known || results.state !== page.dataset.state || results.final !== (page.dataset.final === "yes")) {
    location.reload(); // the poll itself has changed, not only its numbers
    return;
  }
  version = results.version;
  results.questions.forEach(drawQuestion);
  const word = results.ballots === 1 ? "vote" : "votes";
  find("total").textContent = number.format(results.ballots);
  find("total-word").textContent = word;
  find("as-of").textContent = new Date(results.as_of).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  if (Date.now() - announcedAt > ANNOUNCE_EVERY) {
    announcedAt = Date.now();
    find("announce").textContent = `${number.format(results.ballots)} ${word} so far`;
  }
}

function ownVoteIsIn(included) {
  tries += 1;
  if (!included && tries < OWN_TRIES) return;
  after = undefined;
  const own = find("own");
  own.textContent = included ? "Thank you! Your vote is in." : "Thank you! Your vote is safe. Counting takes a little longer just now.";
  history.replaceState(null, "", page.dataset.order === "votes" ? "?order=votes" : location.pathname); // an address to share
}

async function ask() {
  const url = after ? `${page.dataset.live}?after=${encodeURIComponent(after)}` : page.dataset.live;
  const headers = after || !etag ? {} : { "If-None-Match": etag };
  const answer = await fetch(url, { headers, cache: "no-store", credentials: "same-origin" });
  if (answer.status === 304) return;
  if (after && answer.status === 400) { // no position of this poll: watch as anybody does
    ownVoteIsIn(true);
    return;
  }
  if (answer.status === 403 || answer.status === 404) {
    location.reload(); // the page says why
    return;
  }
  if (!answer.ok) throw new Error(`results answered ${answer.status}`);
  const results = await answer.json();
  if (!after) etag = answer.headers.get("ETag");
  draw(results);
  if (after) ownVoteIsIn(results.includes_after);
}

async function turn() {
  try {
    await ask();
    failures = 0;
  } catch {
    failures += 1;
  }
  find("trouble").hidden = failures < 2;
  plan();
}

function follow() {
  let lost = false;
  stream = new EventSource(`${page.dataset.live}/stream`);
  timer = setTimeout(askInstead, STREAM_PATIENCE);
  const take = (event) => {
    clearTimeout(timer);
    draw(JSON.parse(event.data));
  };
  stream.addEventListener("results", take);
  stream.addEventListener("closed", (event) => {
    unfollow(); // or the browser would come back to hear that there is nothing more
    take(event);
  });
  stream.addEventListener("open", () => {
    find("trouble").hidden = true;
    if (lost) ask().catch(() => {}); // what the clock changed meanwhile has no event of its own
    lost = false;
  });
  stream.addEventListener("error", () => {
    find("trouble").hidden = !lost; // the first time may be a server that was started anew
    lost = true;
    if (stream && stream.readyState === EventSource.CLOSED) askInstead(); // refused: asking says why
  });
}

function unfollow() {
  clearTimeout(timer);
  if (stream) stream.close();
  stream = null;
}

function askInstead() {
  unfollow();
  streamAgainAt = Date.now() + STREAM_REST;
  turn();
}

function plan() {
  clearTimeout(timer);
  if (document.hidden || page.dataset.final === "yes") unfollow(); // nobody looks, or nothing will change any more
  else if (!after && window.EventSource && Date.now() >= streamAgainAt) {
    if (!stream) follow();
  } else timer = setTimeout(turn, Math.min(PACE * 2 ** failures, SLOWEST));
}

document.addEventListener("visibilitychange", plan);
if (after) turn(); else plan();
