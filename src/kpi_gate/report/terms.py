"""Words that not everybody knows, as the pages explain them where they stand."""

from collections.abc import Mapping

TERMS: Mapping[str, str] = {
    "shrinkage": "The best of several measurements is usually a lucky one. So the measured gain is "
    "drawn towards what past candidates taught; only what is left is booked.",
    "caps": "Amounts of one decision are cut at a limit, so that one large case cannot decide. "
    "'Caps lifted' is the same gain without the limit, shown for comparison.",
    "threshold": "The smallest gain that is worth a release: the least effect that was agreed on, "
    "or the cost of the switch spread over all decisions, whichever is larger.",
    "one-sided bound": "At 95 % the true gain is below the lower bound in at most 5 of 100 cases, "
    "and above the upper bound in at most 5 of 100.",
    "effective units": "How many independent customers (or other units) the result really rests "
    "on: 1,000 of whom 10 move all the money count as about 10.",
    "loss event": "A decision that lost money. Rare large losses are only seen where there are "
    "enough of them.",
    "guardrail": "Something that must not worsen although the money rises, such as the number of "
    "contacts, or what one group of customers loses.",
    "anchor": "A fixed model of the past: guardrails are held against it too, so that many small "
    "steps down do not add up.",
    "slice": "A group of rows with one value of a column, such as one region.",
    "value parameter": "A number of the value model that somebody had to assume, such as the cost "
    "of a contact; it has a low, a usual and a high value.",
    "AUC": "How well scores put cases that happen above those that do not: 1 is perfect, 0.5 is "
    "chance.",
    "Brier": "Mean squared error of the probabilities; smaller is better.",
    "variant": "One of several ways to train the candidate. One is chosen on rows of its own, the "
    "tune window, and never on the rows of this comparison.",
    "gate window": "The recent rows on which both sides are compared; neither was trained on them.",
    "PSI": "Population stability index: how far the shares of a column's values have moved; 0 is "
    "not at all, above 0.25 is usually called large. A column counts as drifted only if chance "
    "cannot explain its move and it lasts: one large number alone is 'not drifted'.",
    "importance": "How much scores change if the column is shuffled: one that the model hardly "
    "uses may drift without harm.",
    "drifted": "The values are distributed differently than in the reference rows. It explains; "
    "no money need be lost by it.",
    "severe": "Promotions wait until it is dealt with.",
    "promised": "The gain after shrinkage, as it was booked at the promotion.",
    "realised": "What was measured since the promotion, on outcomes that are due, against the side "
    "that was replaced.",
    "kept": "The realised gain as a share of the promised one.",
    "regret": "What the oracle, which knows the future, earned more.",
    "false promotion": "A promotion after which the new model earned nothing more, or less, than "
    "the one before would have.",
    "adversary": "A candidate that is built to be wrong in a known way; the gate must not promote "
    "it.",
    "quarantine": "Rows kept aside with the reason; nothing is learned from them.",
    "expectation": "Something that the rows must satisfy, from the contract of the use case or "
    "from its YAML.",
    "look": "A moment, fixed before the start, at which the experiment may end with a benefit. "
    "Early ones need a larger effect, so that all together err no more often than one would.",
    "confidence sequence": "Bounds that hold on all days at once, however often one looks; they "
    "are wider than those of a single look.",
    "triggered": "Where both policies act alike, no difference can come of them: only the other "
    "decisions are compared, and the effect is scaled back to all.",
    "CUPED": "What units did before the experiment explains much of how they differ; it is taken "
    "out, and the same effect is seen with fewer units.",
    "link": "How much of an offline gain arrives in the KPI: its slope is 1 where all of it does, "
    "and 0 where offline gains tell nothing.",
    "errors in variables": "Offline gains are measured with errors too. A plain line through them "
    "would be too flat; this one allows for the errors of both, and for luck in what was released.",
    "required gain": "The least offline gain with which the KPI rises as surely as is asked for. "
    "There is none where it is not sure enough that offline gains are worth anything.",
    "recent rows": "Rows that came since the last snapshot: a bad month must not drown among "
    "good ones.",
}
