"""The words by which `diversity` tells verbs, noun groups and their ends apart, in place of a parser."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


VERBS = _words(
    "abbreviate access act adapt add address adjust advise alphabetize alter analyse analyze annotate "
    "announce answer append apply appraise argue arrange ask assemble assess assign automate balance "
    "brainstorm break brief bring build calculate call capitalize categorise categorize change "
    "characterize check choose cite clarify classify clean code collect combine come comment compare "
    "compile complete compose compress compute conceptualize conclude condense conduct configure connect "
    "construct contrast convert convince copy correct count craft create critique customize cut debate "
    "debug decide decipher decode deduce deduct defend define delete deliver demonstrate depict derive "
    "describe design detail detect determine develop devise diagnose differentiate discern discover "
    "discuss display distinguish divide do document draft draw edit elaborate eliminate elucidate email "
    "encode encrypt enhance enter enumerate envision establish estimate evaluate examine execute expand "
    "explain explore express extend extract extrapolate fact-check factor fetch fill filter find finish "
    "fix follow forecast form format formulate gather generate get give grade greet group guess guide "
    "help highlight hire hypothesize identify illustrate implement improve include increase indicate "
    "infer inform input insert inspect instruct interpret interview introduce invent investigate invite "
    "join judge justify label lay learn let link list locate look make mark match measure mention merge "
    "modify move multiply name narrate negate normalize note number obtain offer open optimize order "
    "organize outline output paint paraphrase parse perform personalize persuade pick pitch place plan "
    "play point pose post predict prepare present print prioritize process produce program proofread "
    "propose prove provide punctuate put quantify query quote rank rate read rearrange reason recall "
    "recite recognize recommend reconstruct record recount redact reduce refactor refer reflect reformat "
    "reformulate reframe remove rename render reorder reorganize rephrase replace reply report represent "
    "research resolve respond restate restore restructure retell retrieve return reverse review revise "
    "reword rewrite rhyme rotate round run say scan score search segment select send separate sequence "
    "set share shorten show simplify simulate sing sketch solve sort specify spell split spot start state "
    "structure study submit substitute subtract suggest sum summarise summarize supply support swap "
    "synthesize tag take talk teach tell think tokenize trace track train transcribe transform translate "
    "troubleshoot turn type understand unscramble update use utilize validate verify visit visualize "
    "weigh work write"
)
"""Words that open an instruction as its verb."""
OPENINGS = _words("given if when assuming suppose imagine pretend consider assume following according")
"""What opens a clause beside the main one: `Given a list, sort it`."""
POLITE = _words("please now then first next also just kindly and so")
ASKED = (
    ("can", "you"), ("could", "you"), ("would", "you"), ("will", "you"), ("help", "me"), ("help", "us"),
    ("you", "are", "asked"), ("you", "need"), ("you", "have"), ("your", "task", "is"), ("you", "must"),
    ("you", "should"), ("i", "want", "you"), ("i", "need", "you"), ("i", "would", "like", "you"),
    ("try",), ("be", "sure"), ("let", "us"), ("let's",),
)  # fmt: skip
"""Roundabout ways to begin, each perhaps with a `to` behind it."""
PARTICLES = _words("down up out off over away back")
PRONOUNS = _words("me us them him her it you i we they myself yourself something anything everything someone")
DETERMINERS = _words(
    "a an the this that these those my your his its our their some any each every all both several many "
    "more few another one two three four five six seven eight nine ten twelve of"
)
PREPOSITIONS = _words(
    "about above across after against along among around as at before behind below between by despite during "
    "for from in inside into like near on onto over per regarding since than through to toward towards "
    "under until upon via with within without"
)
PARTICIPLES = _words(
    "according related describing summarizing involving explaining featuring targeting promoting discussing "
    "comparing showing highlighting outlining illustrating expressing introducing demonstrating containing "
    "consisting including using given"
)
"""Where a noun group ends; other words in -ed and -ing may belong to it."""
NOUNS = _words(
    "reply family fly assembly anomaly supply ally butterfly seed speed breed need feed bed deed shed"
)
"""Nouns that look like adverbs or participles."""
CLAUSE_WORDS = _words(
    "that which who whom whose what where when while why how whether if so because since and or but not then "
    "based is are was were be am has have had do does did can could will would shall should may might must "
    "together"
)
ENDS = PREPOSITIONS | PARTICIPLES | CLAUSE_WORDS
UNCHANGED = _words("species series news analysis basis physics mathematics")
"""Nouns that end as a plural does."""
QUALIFIERS = _words("following given above below first second third last next same other own correct such")
"""What alone is no noun: `Classify the following`."""
PHRASAL = {
    ("come", "up"): "with",
    ("think",): "of",
    ("search",): "for",
    ("look",): "for",
    ("talk",): "about",
}
"""Verbs whose object stands behind a word of their own."""


ARTICLES = _words("a an the this these my your")
"""Behind an unknown first word they show that it is a verb: `Knit a scarf`."""
