/* Votes: kept in the browser under the page's id, a session for each rater, exported as JSON lines. */

const PAGE = document.documentElement.dataset.page;
const KEY = `alpaca_exp/reading/${PAGE}`;
const AXES = ["intent", "quality"];

/** What the browser keeps: { rater, sessions: { "@name": { rounds, revealed, votes } } }. */
class Kept {
  constructor() {
    this.lasting = true;
    this.state = { rater: null, sessions: {} };
    this.load();
  }

  load() {
    try {
      const text = localStorage.getItem(KEY);
      if (text) this.state = JSON.parse(text);
      localStorage.setItem(KEY, JSON.stringify(this.state));
    } catch {
      this.lasting = false;
    }
  }

  save() {
    try {
      localStorage.setItem(KEY, JSON.stringify(this.state));
      this.lasting = true;
    } catch {
      this.lasting = false;
    }
  }

  get session() {
    const { rater, sessions } = this.state;
    return rater === null ? null : (sessions[`@${rater}`] ?? null);
  }

  begin(rater) {
    this.state.rater = rater;
    if (!this.session) this.state.sessions[`@${rater}`] = { rounds: 1, revealed: false, votes: {} };
    this.save();
  }

  end() {
    this.state.rater = null;
    this.save();
  }
}

/** The pairs of a session, each with its key, its question and its vote. An order that was voted on stays. */
function pairsOf(session, rater, questions, sides) {
  const drawn = drawPairs(questions, sides.length, `${PAGE}/${rater}`, session.rounds);
  return drawn.map((pair) => {
    const question = questions[pair.question];
    const key = JSON.stringify([question.id, pair.one, pair.two]);
    const vote = Object.hasOwn(session.votes, key) ? session.votes[key] : null;
    return { ...pair, key, question, order: vote ? vote.order : pair.order };
  });
}

/** The row of a vote as it is exported; an axis that was not given is null. */
function rowOf(pair, vote, rater, sides) {
  return {
    question_id: pair.question.id,
    model_1: sides[pair.one].name,
    model_2: sides[pair.two].name,
    vote: vote.vote,
    intent_1: vote.intent_1,
    intent_2: vote.intent_2,
    quality_1: vote.quality_1,
    quality_2: vote.quality_2,
    order: vote.order,
    rater,
    category: pair.question.category || pair.question.kind,
    label_1: sides[pair.one].label,
    label_2: sides[pair.two].label,
    page: PAGE,
    time: vote.time,
  };
}

function exportVotes(rows, rater) {
  const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  const address = URL.createObjectURL(new Blob([lines], { type: "application/jsonl" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `votes-${rater.replace(/[^\p{L}\p{N}]+/gu, "-")}.jsonl`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

/** For each side, in the order of the page: what the votes say of it. */
function tally(rows, sides) {
  return sides.map(({ label }) => {
    const found = { label, pairs: 0, better: 0, tie: 0, worse: 0, intents: [], qualities: [] };
    for (const row of rows) {
      const place = row.label_1 === label ? 1 : row.label_2 === label ? 2 : null;
      if (!place) continue;
      found.pairs += 1;
      found[row.vote === "tie" ? "tie" : row.vote === place ? "better" : "worse"] += 1;
      if (row[`intent_${place}`] !== null) found.intents.push(row[`intent_${place}`]);
      if (row[`quality_${place}`] !== null) found.qualities.push(row[`quality_${place}`]);
    }
    return found;
  });
}
