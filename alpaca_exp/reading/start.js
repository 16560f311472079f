/* What is shown when the page opens, and the keys that hold everywhere. */

const kept = new Kept();
const book = openBook();
const unnamed = !book.isConnected;
const sides = readSides(book);
const questions = readQuestions(book);
const reading = new Reading(book, questions);
let view = null;
let now = null;

document.documentElement.dataset.ready = ""; // from here on it is seen, and can take the focus
if (unnamed || (kept.session && !kept.session.revealed)) vote();
else read();

book.querySelector("#go-blind")?.addEventListener("click", vote);
document.addEventListener("keydown", keydown);
document.addEventListener("click", (event) => {
  if (event.target.closest(".ask-help")) document.getElementById("help").showModal();
});
addEventListener("storage", (event) => event.key === KEY && heard());
addEventListener("beforeprint", () => unfold(true));
addEventListener("afterprint", () => unfold(false));

function read() {
  now = reading;
  document.title = `${book.querySelector("h1").textContent}: answers side by side`;
  replace(book);
}

function vote() {
  book.remove();
  const left = unnamed ? null : read;
  const blind = new Blind(kept, questions, sides, { ended: results, left });
  if (!book.isConnected) now = blind;
}

/** The book, and above it what was voted before its names were seen. */
function results(blind) {
  read();
  const section = copy("blind-results");
  const rows = blind.rows();
  const told = `${rows.length} of ${blind.pairs.length} pairs were voted on by ${blind.rater}.`;
  section.querySelector("#told").textContent = told;
  section.querySelector("tbody").append(...tally(rows, sides).map(resultRow));
  section.querySelector("#export").addEventListener("click", () => blind.export());
  section.querySelector("#another").addEventListener("click", () => {
    kept.end();
    section.remove();
    vote();
  });
  for (const old of book.querySelectorAll(".results, .voted")) old.remove();
  rows.forEach(tellVote);
  book.querySelector("header").after(section);
  section.querySelector("h2").focus();
}

function resultRow(found) {
  const mean = (values) => (values.length ? values.reduce((a, b) => a + Number(b), 0) / values.length : null);
  const [understood, quality] = [mean(found.intents), mean(found.qualities)];
  const row = document.createElement("tr");
  const cells = [found.pairs, found.better, found.tie, found.worse];
  cells.push(understood === null ? "–" : `${Math.round(100 * understood)} %`);
  cells.push(quality === null ? "–" : quality.toFixed(1));
  const head = document.createElement("th");
  Object.assign(head, { scope: "row", textContent: found.label });
  row.append(head);
  for (const value of cells) {
    const cell = row.insertCell();
    Object.assign(cell, { className: "number", textContent: value });
  }
  return row;
}

function tellVote(row) {
  const { article } = questions.find((question) => question.id === row.question_id);
  const [better, worse] = row.vote === 1 ? [row.label_1, row.label_2] : [row.label_2, row.label_1];
  const line = document.createElement("p");
  line.className = "dim voted";
  line.textContent =
    row.vote === "tie" ? `You: a tie of ${better} and ${worse}` : `You: ${better} is better than ${worse}`;
  article.querySelector("header").append(line);
}

/** Another tab wrote: what it kept is what counts. */
function heard() {
  kept.load();
  if (now instanceof Blind && kept.session) now.open();
}

function keydown(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
  const typing = event.target.closest('input:not([type="radio"], [type="checkbox"]), select, textarea');
  if (typing && event.key === "Escape") {
    typing.blur();
    now.resume?.();
  }
  if (typing) return;
  if (event.key === "?") document.getElementById("help").showModal();
  else if (!now.key(event)) return;
  event.preventDefault();
}

function copy(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** Shows a copy of the template `id` instead of what is shown. */
function show(id) {
  return replace(copy(id));
}

function replace(element) {
  if (view && view !== element) view.remove();
  if (!element.isConnected) document.getElementById("said").before(element);
  view = element;
  return element;
}

function say(text) {
  document.getElementById("said").textContent = text;
}

/** On paper everything is open. */
function unfold(open) {
  for (const details of book.querySelectorAll("details")) {
    if (open) details.dataset.was = details.open ? "open" : "";
    details.open = open || details.dataset.was === "open";
  }
}
