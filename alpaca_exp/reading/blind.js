/* Voting blind: two answers without names. The book is out of the document until names are revealed. */

const FIRST_QUALITY = ["KeyQ", "KeyW", "KeyE", "KeyR", "KeyT"];
const SECOND_QUALITY = ["KeyY", "KeyU", "KeyI", "KeyO", "KeyP"];
const CHOICES = { 1: "first", ArrowLeft: "first", 2: "second", ArrowRight: "second", 3: "tie" };
const SAID = { first: "First is better", second: "Second is better", tie: "Tie" };

class Blind {
  /** `ended` is called when names may be seen; `left` when the rater goes back without beginning. */
  constructor(kept, questions, sides, { ended, left }) {
    Object.assign(this, { kept, questions, sides, ended, left });
    document.title = "Blind reading";
    if (kept.session) this.open();
    else this.welcome();
  }

  welcome() {
    const view = show("blind-start");
    view.querySelector("#begin").addEventListener("submit", (event) => {
      event.preventDefault();
      this.kept.begin(view.querySelector("#rater").value.trim());
      this.open();
    });
    const back = view.querySelector("#back");
    back.hidden = !this.left;
    back.addEventListener("click", () => this.left());
    view.querySelector("#rater").focus();
  }

  open() {
    const { session, state } = this.kept;
    this.session = session;
    this.rater = state.rater;
    this.pairs = pairsOf(session, state.rater, this.questions, this.sides);
    if (session.revealed) this.ended(this);
    else if (this.pairs.every((pair) => this.voted(pair))) this.done();
    else this.read(this.pairs.findIndex((pair) => !this.voted(pair)));
  }

  vote(pair) {
    return Object.hasOwn(this.session.votes, pair.key) ? this.session.votes[pair.key] : null;
  }

  voted(pair) {
    return Boolean(this.vote(pair)?.vote);
  }

  /** The votes that were given, as they are exported. */
  rows() {
    const given = this.pairs.filter((pair) => this.voted(pair));
    return given.map((pair) => rowOf(pair, this.vote(pair), this.rater, this.sides));
  }

  read(place) {
    this.place = place;
    this.pair = this.pairs[place];
    const { question, one, two, order } = this.pair;
    this.view = show("blind-item");
    this.view.querySelector("#unkept").hidden = this.kept.lasting;
    this.view.querySelector("#question").textContent = question.text;
    this.view.querySelector("#about").textContent = [question.category, question.kind]
      .filter(Boolean)
      .join(" · ");
    const sides = order === "12" ? [one, two] : [two, one];
    const answers = sides.map((side, number) => this.answer(question.answers[side].text, number));
    this.view.querySelector(".pair").append(...answers);
    this.view.addEventListener("click", (event) => this.click(event));
    this.view.addEventListener("change", (event) => this.axis(event.target));
    this.mark();
    this.view.querySelector("#question").focus({ preventScroll: true });
    scrollTo(0, 0);
  }

  answer(text, number) {
    const section = copy("blind-answer");
    section.querySelector("h2").textContent = `${number ? "Second" : "First"} answer`;
    const shown = section.querySelector(".text");
    shown.textContent = text.trim() ? text : "This answer is empty.";
    shown.classList.toggle("dim", !text.trim());
    const scales = { intent: ["yes", "no"], quality: ["1", "2", "3", "4", "5"] };
    for (const [axis, values] of Object.entries(scales)) {
      for (const value of values) {
        const choice = copy("blind-choice");
        Object.assign(choice.querySelector("input"), { name: `${axis}-${number}`, value });
        choice.querySelector("span").textContent = value;
        section.querySelector(`.${axis}`).append(choice);
      }
    }
    return section;
  }

  /** Shows what was given already. */
  mark() {
    const count = this.pairs.filter((pair) => this.voted(pair)).length;
    const bar = this.view.querySelector("#progress");
    Object.assign(bar, { max: this.pairs.length, value: count });
    const told = `Question ${this.place + 1} of ${this.pairs.length}, ${count} voted`;
    this.view.querySelector("#place").textContent = told;
    const vote = this.vote(this.pair);
    const chosen = vote && this.position(vote.vote);
    for (const button of this.view.querySelectorAll(".vote")) {
      button.setAttribute("aria-pressed", String(button.dataset.vote === chosen));
    }
    for (const input of this.view.querySelectorAll("input")) {
      const [axis, number] = input.name.split("-");
      const given = vote ? vote[`${axis}_${this.model(Number(number))}`] : null;
      input.checked = input.value === (given === true ? "yes" : given === false ? "no" : String(given));
    }
  }

  /** 1 or 2: the model whose answer stands at this place, 0 for the first. */
  model(number) {
    return Number(this.pair.order[number]);
  }

  position(vote) {
    if (vote === null || vote === "tie") return vote;
    return vote === this.model(0) ? "first" : "second";
  }

  write(values) {
    const empty = { vote: null, intent_1: null, intent_2: null, quality_1: null, quality_2: null };
    const before = this.vote(this.pair) ?? { ...empty, order: this.pair.order };
    const time = new Date().toISOString();
    this.session.votes[this.pair.key] = { ...before, ...values, time };
    this.kept.save();
    this.view.querySelector("#unkept").hidden = this.kept.lasting;
  }

  choose(choice) {
    const first = !this.voted(this.pair);
    const vote = choice === "tie" ? "tie" : this.model(choice === "first" ? 0 : 1);
    this.write({ vote });
    const number = this.place + 1;
    if (first) this.forward(true);
    else this.mark();
    say(`Question ${number}: ${SAID[choice]}. ${this.pair === null ? "" : `Now question ${this.place + 1}.`}`);
  }

  axis(input) {
    const [axis, number] = input.name.split("-");
    const value = axis === "intent" ? input.value === "yes" : Number(input.value);
    this.write({ [`${axis}_${this.model(Number(number))}`]: value });
  }

  /** To the next pair that has no vote; where all have one, to the end if `finish`. */
  forward(finish) {
    const order = [...this.pairs.keys()].map((step) => (this.place + 1 + step) % this.pairs.length);
    const next = order.find((place) => !this.voted(this.pairs[place]));
    if (next !== undefined) this.read(next);
    else if (finish) this.done();
  }

  step(by) {
    const place = this.place + by;
    if (place >= 0 && place < this.pairs.length) this.read(place);
    else if (by > 0 && this.pairs.every((pair) => this.voted(pair))) this.done();
  }

  click(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.vote) this.choose(button.dataset.vote);
    else if (button.id === "previous") this.step(-1);
    else if (button.id === "next") this.step(1);
    else if (button.id === "export") this.export();
    else if (button.id === "reveal") this.reveal();
  }

  export() {
    const rows = this.rows();
    exportVotes(rows, this.rater);
    say(`${rows.length} ${rows.length === 1 ? "vote" : "votes"} exported.`);
  }

  done() {
    this.pair = null;
    const view = show("blind-done");
    const more = drawPairs(this.questions, this.sides.length, "", this.session.rounds + 1).length;
    view.querySelector("#told").textContent = `${this.rows().length} votes are kept in this browser.`;
    view.querySelector("#round").hidden = more === this.pairs.length;
    view.querySelector("#round").addEventListener("click", () => this.again());
    view.querySelector("#reveal").addEventListener("click", () => this.reveal());
    view.querySelector("#export").addEventListener("click", () => this.export());
    view.querySelector("#review").addEventListener("click", () => this.read(0));
    view.querySelector("h1").focus();
  }

  again() {
    this.session.rounds += 1;
    this.kept.save();
    this.open();
  }

  reveal() {
    const finished = this.pairs.every((pair) => this.voted(pair));
    if (finished) return this.close();
    const sure = document.getElementById("sure");
    sure.returnValue = "no";
    // One listener, not one a time: the close of an earlier "no" may be told only after it is open again.
    sure.onclose = () => sure.returnValue === "yes" && this.close();
    sure.showModal();
  }

  close() {
    this.session.revealed = true;
    this.kept.save();
    this.ended(this);
  }

  key(event) {
    if (!this.pair) return false;
    const radio = document.activeElement.type === "radio";
    if (event.key in CHOICES && !(radio && event.key.startsWith("Arrow"))) this.choose(CHOICES[event.key]);
    else if (event.key === "j") this.step(1);
    else if (event.key === "k") this.step(-1);
    else if (event.key === "n") this.forward(false);
    else return this.axisKey(event.code);
    return true;
  }

  axisKey(code) {
    const places = [FIRST_QUALITY, SECOND_QUALITY].map((keys) => keys.indexOf(code));
    const number = places.findIndex((place) => place >= 0);
    if (number >= 0) this.write({ [`quality_${this.model(number)}`]: places[number] + 1 });
    else if (code === "KeyA" || code === "KeyL") this.toggle(code === "KeyA" ? 0 : 1);
    else return false;
    this.mark();
    return true;
  }

  toggle(number) {
    const axis = `intent_${this.model(number)}`;
    this.write({ [axis]: !this.vote(this.pair)?.[axis] });
  }
}
