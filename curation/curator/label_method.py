"""How wrong labels were found, in a sentence."""

from __future__ import annotations

from thresher.core.counted import percent

from ..decisions.label_action import UNSEEN, choose_label_action
from ..labels import LabelIssues


def describe_labels(found: LabelIssues) -> str:
    """Say how wrong labels were found, how many there are, how sure that is and what is advised."""
    text = f"{found.method}; estimated share of wrong labels: {found.noise_rate}"
    least = percent(found.least_precision)
    if found.expected_precision is not None:
        text += f"; about {percent(found.expected_precision)} of the flags should be right"
    elif found.flagged.any() and least == "0 %":
        text += "; how many of the flags are right is not known"
    elif found.flagged.any():
        text += f"; at least {least} of the flags are right, 19 times in 20"
    if found.flagged.any():
        action = choose_label_action(found)
        text += f". To {action.value} them is advised: {action.reason}"
    return f"{text}. {UNSEEN}"
