/* The book: its sides and questions, read from its own HTML. All that is taken from it is text. */

function openBook() {
  const sealed = document.getElementById("sealed");
  if (!sealed) return document.getElementById("book");
  const bytes = Uint8Array.from(atob(sealed.textContent), (letter) => letter.charCodeAt(0));
  const parsed = new DOMParser().parseFromString(new TextDecoder().decode(bytes), "text/html");
  sealed.remove();
  return document.adoptNode(parsed.getElementById("book"));
}

function readSides(book) {
  const rows = [...book.querySelectorAll("tr[data-label]")];
  const models = rows.map((row) => row.dataset.model);
  return rows.map((row) => {
    const { label, model } = row.dataset;
    const alone = models.filter((other) => other === model).length === 1;
    return { label, name: alone ? model : label };
  });
}

function readQuestions(book) {
  return [...book.querySelectorAll("article")].map((article) => ({
    article,
    id: article.dataset.question,
    category: article.dataset.category,
    kind: article.dataset.kind,
    verdict: article.dataset.verdict.split(" "),
    text: article.querySelector(".question").textContent,
    answers: [...article.querySelectorAll(".answer")].map((section) => ({
      missing: "missing" in section.dataset,
      words: Number(section.dataset.words),
      score: "score" in section.dataset ? Number(section.dataset.score) : null,
      text: section.querySelector(".text").textContent,
    })),
  }));
}
