/* Which two answers are shown to a rater, question by question, and which of them first. */

/** As many pairs as there are questions for each round: every pair of sides equally often, first as often as
 * second, each question with another pair in each round. The same seed draws the same. A pair is
 * { question, one, two, order }: indices; `one` and `two` are the sides of model_1 and model_2, and `one` is
 * the later column, as in the judge's verdicts, where model 2 is the run itself. */
function drawPairs(questions, sideCount, seed, rounds) {
  const random = randomNumbers(seed);
  const pairs = [];
  for (let one = 1; one < sideCount; one += 1) {
    for (let two = 0; two < one; two += 1) pairs.push({ one, two, count: 0, first: 0 });
  }
  const used = questions.map(() => new Set());
  const drawn = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const question of shuffled([...questions.keys()], random)) {
      const { answers } = questions[question];
      const open = shuffled(pairs, random).filter(
        (pair) => !used[question].has(pair) && !answers[pair.one].missing && !answers[pair.two].missing,
      );
      if (!open.length) continue;
      const pair = open.reduce((least, other) => (other.count < least.count ? other : least));
      used[question].add(pair);
      drawn.push({ question, one: pair.one, two: pair.two, order: drawOrder(pair, random) });
    }
  }
  return drawn;
}

function drawOrder(pair, random) {
  const lead = 2 * pair.first - pair.count;
  const first = lead === 0 ? random() < 0.5 : lead < 0;
  pair.count += 1;
  pair.first += first ? 1 : 0;
  return first ? "12" : "21";
}

function shuffled(values, random) {
  const mixed = [...values];
  for (let last = mixed.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other], mixed[last]];
  }
  return mixed;
}

/** Numbers in [0, 1) that the text `seed` decides: FNV-1a into mulberry32. */
function randomNumbers(seed) {
  let state = 2166136261;
  for (const byte of new TextEncoder().encode(seed)) state = Math.imul(state ^ byte, 16777619) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
