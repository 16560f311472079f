/* Reading with names: filters, search, order, and the keys from question to question. */

const HIGHLIGHTS_AT_MOST = 2000;
/* Pixels between the bar and the question that is being read, and a little more. */
const BELOW_THE_BAR = 40;

class Reading {
  constructor(book, questions) {
    this.book = book;
    this.questions = questions;
    this.main = book.querySelector("main");
    this.form = book.querySelector("#filters");
    this.form.parentElement.hidden = false;
    this.form.addEventListener("input", () => this.soon());
    this.form.addEventListener("reset", () => setTimeout(() => this.apply(true)));
    this.form.addEventListener("submit", (event) => event.preventDefault());
    const unfold = this.form.querySelector("#unfold");
    unfold.addEventListener("click", () => {
      unfold.setAttribute("aria-expanded", String(unfold.ariaExpanded !== "true"));
    });
    this.main.addEventListener("toggle", () => this.highlight(), true);
    this.apply();
  }

  value(name) {
    const field = this.form.querySelector(`#${name}`);
    return field ? field.value : "";
  }

  /** Filters are applied when typing pauses. */
  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.now(), 80);
  }

  now() {
    clearTimeout(this.timer);
    this.timer = null;
    this.apply(true);
  }

  /** Out of a field and back to the questions: it is they that Tab goes on from, not what was last hidden. */
  resume() {
    if (this.timer) this.now();
    this.main.focus({ preventScroll: true });
  }

  /** Shows what fits; `anew`, from its beginning. */
  apply(anew = false) {
    const words = this.value("words").toLowerCase().split(/\s+/).filter(Boolean);
    const shown = this.questions.filter((question) => this.fits(question, words));
    const kept = new Set(shown);
    for (const question of this.questions) question.article.hidden = !kept.has(question);
    this.arrange();
    this.showSides();
    if (anew && this.main.getBoundingClientRect().top < 0) this.main.scrollIntoView();
    this.words = words;
    this.highlight();
    this.book.querySelector("#nothing").hidden = shown.length > 0;
    const count = `${shown.length} of ${this.questions.length} questions`;
    this.form.querySelector("#count").textContent = count;
  }

  fits(question, words) {
    const category = this.form.querySelector("#category");
    const chosen = category && category.selectedIndex > 0 ? category.selectedOptions[0] : null;
    if (chosen && chosen.value !== question.category) return false;
    if (chosen && "kind" in chosen.dataset && chosen.dataset.kind !== question.kind) return false;
    const verdict = this.value("verdict");
    if (verdict && !question.verdict.includes(verdict)) return false;
    if (!this.scored(question)) return false;
    question.found ??= [question.text, ...question.answers.map((one) => one.text)].join("\n").toLowerCase();
    return words.every((word) => question.found.includes(word));
  }

  scored(question) {
    const [whose, least, most] = ["scored", "least", "most"].map((name) => this.value(name));
    if (!whose && !least && !most) return true;
    const among = whose ? [question.answers[Number(whose)]] : question.answers;
    return among.some(
      ({ score }) =>
        score !== null && (!least || score >= Number(least)) && (!most || score <= Number(most)),
    );
  }

  arrange() {
    const order = this.value("order");
    if (order === (this.order ?? "")) return;
    this.order = order;
    const sorted = [...this.questions];
    if (order === "length") sorted.sort((a, b) => span(b, "words") - span(a, "words"));
    if (order === "score") sorted.sort((a, b) => span(b, "score") - span(a, "score"));
    this.main.prepend(...sorted.map((question) => question.article));
  }

  showSides() {
    const boxes = [...this.form.querySelectorAll('[name="side"]')];
    const shown = boxes.map((box) => box.checked).join();
    if (shown === (this.shown ?? boxes.map(() => true).join())) return;
    this.shown = shown;
    for (const section of this.main.querySelectorAll(".answer")) {
      section.hidden = !boxes[Number(section.dataset.side)].checked;
    }
  }

  /** Marks what was searched for without touching the texts. */
  highlight() {
    if (!CSS.highlights) return;
    CSS.highlights.delete("found");
    if (!this.words.length) return;
    const ranges = [];
    for (const { article } of this.questions) {
      if (article.hidden || ranges.length > HIGHLIGHTS_AT_MOST) continue;
      for (const element of article.querySelectorAll(".question, .answer .text")) {
        if (element.firstChild) ranges.push(...occurrences(element.firstChild, this.words));
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges.slice(0, HIGHLIGHTS_AT_MOST)));
  }

  /** The question that is being read: the focused one, or the topmost on the screen. */
  current(shown) {
    const focused = shown.findIndex((article) => article.contains(document.activeElement));
    if (focused >= 0 || scrollY < 1) return focused;
    const bar = Math.max(0, this.form.parentElement.getBoundingClientRect().bottom);
    const top = shown.findIndex((article) => article.getBoundingClientRect().top > bar + BELOW_THE_BAR);
    return top < 0 ? shown.length - 1 : top - 1;
  }

  move(step) {
    const shown = [...this.main.querySelectorAll("article:not([hidden])")];
    if (!shown.length) return;
    const place = Math.min(Math.max(this.current(shown) + step, 0), shown.length - 1);
    shown[place].querySelector(".question").focus({ preventScroll: true });
    shown[place].scrollIntoView();
  }

  key(event) {
    const verdicts = document.activeElement.closest("article")?.querySelector(".verdicts");
    if (event.key === "j") this.move(1);
    else if (event.key === "k") this.move(-1);
    else if (event.key === "/") this.form.querySelector("#words").focus();
    else if (event.key === "w" && verdicts) verdicts.open = !verdicts.open;
    else if (event.key === "b") this.form.querySelector("#go-blind")?.click();
    else return false;
    return true;
  }
}

/** The difference between the largest and the smallest of the answers' numbers. */
function span(question, name) {
  const values = question.answers.filter((one) => !one.missing && one[name] !== null).map((one) => one[name]);
  return values.length ? Math.max(...values) - Math.min(...values) : 0;
}

function* occurrences(node, words) {
  const text = node.data.toLowerCase();
  if (text.length !== node.data.length) return; // a letter whose small form is longer: places would be off
  for (const word of words) {
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
      const range = new Range();
      range.setStart(node, at);
      range.setEnd(node, at + word.length);
      yield range;
    }
  }
}
