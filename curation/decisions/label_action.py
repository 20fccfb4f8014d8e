"""Whether wrong labels are sure enough to be dropped, or only to be looked at."""

from __future__ import annotations

import numpy as np

from thresher.core.choice import Choice
from thresher.core.counted import percent
from thresher.core.interval import wilson_interval

from ..labels import LabelIssues

# At least this share of the flags must be right, 19 times in 20; a wrong label costs a model more
# than a right row gives it.
SURE_PRECISION = 0.5
# At least this share of the labels must be wrong: below it a few odd rows pass for wrong ones.
FEWEST_WRONG = 0.02
# Evidence that is right on fewer of the rightly labeled rows calls hard rows wrong. With 5 % of
# planted noise, 96 % of the flags were right on digits (evidence right on .997), 53 % on TREC
# (.80), 51 % on Banking77 (.79), and 12 % on photographs (.78), at 81 to 100 % expected.
FAIR_ACCURACY = 0.9
# At least so many, if as few labels are wrong as may be: what disagrees is then hard, not wrong.
SURE_ACCURACY = 0.85
# Half of 2,045 Hausa titles were labeled wrong by keywords: evidence that agrees with the rule
# sees none of it, and estimates .001 to .134 of them.
UNSEEN = (
    "Mistakes that follow a rule, such as labels made by keywords, agree with each other, so that "
    "no estimate sees them: to know, draw 50 rows at random and label them anew (thresher label "
    "init DATA --label none --strategy random --classes ...; in Python `audit(50)`, then "
    "`calibrate`, of what `find_label_issues` returns)"
)


def choose_label_action(found: LabelIssues) -> Choice:
    """Choose ``"drop"`` or ``"review"`` for the flagged rows, with the reason."""
    rate = found.noise_rate
    if rate.low < FEWEST_WRONG:
        few = "hardly any" if rate.low else "no"
        return Choice("review", f"there may be {few} wrong labels at all")
    accuracy, low = evidence_accuracy(found)
    if accuracy < FAIR_ACCURACY:
        why = (
            f"the evidence is right on only {percent(accuracy)} of the rightly labeled rows, so "
            "that "
        )
        why += "hard rows look wrong too: give vectors of a better encoder, or probabilities"
        return Choice("review", why)
    if low < SURE_ACCURACY:
        why = f"the evidence may be right on only {percent(low)} of the rightly labeled rows"
        return Choice("review", why)
    least = found.least_precision
    if least < SURE_PRECISION:
        why = f"it is only sure that {percent(least)} of the flags are right"
        return Choice("review", f"{why}: look at 50 rows to know more")
    why = (
        f"the share of wrong labels is {rate}, and at least {percent(least)} of the flags are right"
    )
    return Choice("drop", why)


def evidence_accuracy(found: LabelIssues) -> tuple[float, float]:
    """Estimate on which share of the rightly labeled rows the evidence gives the right class.

    It agrees with given labels hardly anywhere but there, so that its agreement is this share times
    the share of right labels. The second number is the lower end of both: of the 95 % interval of
    the agreement, and of the share of wrong labels.
    """
    known = found.labels >= 0
    if not known.any():
        return 0.0, 0.0
    agreed = int(np.sum((found.suggested == found.labels)[known]))
    low, _ = wilson_interval(agreed, int(known.sum()))
    rate = found.noise_rate
    right, most_right = (max(1e-9, 1 - share) for share in (rate.estimate, rate.low))
    return min(1.0, agreed / int(known.sum()) / right), min(1.0, low / most_right)
