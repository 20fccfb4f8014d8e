"""The figures as tables for readers: by family, by strength of the evidence, and case by case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

Row = dict[str, Any]
FAMILIES = {
    "human": "people's",
    "uniform": "uniform",
    "confusable": "classes that are alike",
    "class_dependent": "by a confusion matrix",
    "rule_made": "by a rule",
    "clean": "none, or hardly any",
}
FLAGS = ("thresher", "audited", "bare rule", "cleanlab")
NEAR, DIGIT = 0.1, 0.0005


def page(rows: list[Row], cost: dict[str, float]) -> dict[str, Any]:
    """Lay out the figures; "judged" cases in all tables, "tuned" ones in one row and the last."""
    judged, tuned = ([row for row in rows if row["list"] == which] for which in ("judged", "tuned"))
    groups = _groups(judged) | {"all judged": judged, "all tuned": tuned}
    n_cases = {which: len({row["name"] for row in part}) for which, part in
               (("judged", judged), ("tuned", tuned))}  # fmt: skip
    return {
        "title": "Wrong labels by family, and what is said of them",
        "note": f"{n_cases['judged']} judged cases took no part in fitting the method, "
        "but when rows are dropped, what an accusation costs and how wide ranges are was set "
        "after a look at their summary; "
        f"{n_cases['tuned']} are tuned. Means over cases and their seeds. cleanlab "
        f"{version('cleanlab')} and the bare rule “the most probable class is not the label” get "
        "the same probabilities, from vectors those of an out-of-fold logistic regression. "
        f"From vectors of {cost['rows']:,} × {cost['dimensions']} with {cost['classes']} classes: "
        f"{cost['cpu_seconds']:.1f} CPU-seconds.",
        "tables": [
            _flag_table(groups),
            _said_table(groups),
            _clean_table(judged, tuned),
            _encoder_table(rows),
            _case_table(rows),
        ],
    }


def _groups(rows: list[Row]) -> dict[str, list[Row]]:
    """Return the rows by family, by strength of the evidence and by kind of evidence."""
    kinds: dict[str, Callable[[Row], bool]] = {
        f"wrong labels: {title}": lambda row, name=name: row["family"] == name
        for name, title in FAMILIES.items()
    }
    kinds["weak evidence (below .7)"] = lambda row: row["strength"] < 0.7
    kinds["middling evidence"] = lambda row: 0.7 <= row["strength"] < 0.9
    kinds["strong evidence (.9 and above)"] = lambda row: row["strength"] >= 0.9
    kinds["probabilities"] = lambda row: row["evidence"] == "probabilities"
    kinds["vectors"] = lambda row: row["evidence"] == "vectors"
    return {title: [row for row in rows if takes(row)] for title, takes in kinds.items()}


def _flag_table(groups: dict[str, list[Row]]) -> dict[str, Any]:
    lines = []
    for title, rows in groups.items():
        wrong = [row for row in rows if row["wrong"] > 0]
        lines.append(
            [title, _cases(wrong)]
            + [_mean([row[one].get("F1") for row in wrong]) for one in FLAGS]
            + [_ahead(wrong)]
            + [_mean([row[one].get("AP") for row in wrong]) for one in FLAGS]
        )
    names = ["Thresher", "50 audited", "bare rule", "cleanlab"]
    return {
        "caption": "F1 of the flagged rows, and average precision (AP) of the ranking, over cases "
        "with wrong labels",
        "header": [
            "",
            "cases",
            *(f"F1, {name}" for name in names),
            "F1 ahead of the better peer",
            *(f"AP, {name}" for name in names),
        ],
        "rows": lines,
    }


def _said_table(groups: dict[str, list[Row]]) -> dict[str, Any]:
    lines = [
        [
            title,
            str(len(rows)),
            _share([row["thresher"]["known"] for row in rows]),
            _share([holds(row, "thresher") for row in rows if row["thresher"]["known"]]),
            _share([holds(row, "thresher") for row in rows]),
            _share([holds(row, "audited") for row in rows]),
            _share([near(row, "thresher") for row in rows if precision_said(row, "thresher")]),
            _share([near(row, "audited") for row in rows if precision_said(row, "audited")]),
            _share([at_least(row) for row in rows if row["thresher"]["flagged"]]),
            str(sum(row["action"]["drops"] for row in rows)),
            _right_of_dropped(rows),
        ]
        for title, rows in groups.items()
    ]
    return {
        "caption": "What is said. The share of wrong labels has a range; where that is too wide "
        "the share is called not known. The precision of the flags is given or not, and has a "
        "lower bound, by which `label_action=\"auto\"` drops",
        "header": ["", "runs", "share is known", "range holds where it is", "range holds",
                   "range holds, 50 audited", "given precision within 10 points",
                   "the same, 50 audited", "precision above its bound", "runs that drop",
                   "right labels among the dropped"],
        "rows": lines,
    }  # fmt: skip


def holds(row: Row, which: str) -> bool:
    """Whether the interval holds the true share, but for the last digit that is printed."""
    said = row[which]
    return bool(said["low"] - DIGIT <= row["wrong"] <= said["high"] + DIGIT)


def precision_said(row: Row, which: str) -> bool:
    """Whether a precision was given for rows that are flagged."""
    said = row[which]
    return said["said_precision"] is not None and said["precision"] is not None


def near(row: Row, which: str) -> bool:
    """Whether the precision that was given is within ten points of the true one."""
    said = row[which]
    return bool(abs(said["said_precision"] - said["precision"]) <= NEAR)


def at_least(row: Row) -> bool:
    """Whether the precision is not below the bound that was given."""
    said = row["thresher"]
    return bool(said["precision"] >= said["least_precision"] - DIGIT)


def _right_of_dropped(rows: list[Row]) -> str:
    """Share of rightly labeled rows among all that would be dropped by themselves."""
    dropped = [row for row in rows if row["action"]["drops"] and row["thresher"]["flagged"]]
    if not dropped:
        return ""
    flagged = np.array([row["thresher"]["flagged"] * row["rows"] for row in dropped])
    right = 1 - np.array([row["thresher"]["precision"] for row in dropped])
    return f"{float(flagged @ right / flagged.sum()):.3f}"


def _clean_table(judged: list[Row], tuned: list[Row]) -> dict[str, Any]:
    lines = []
    for title, rows in (("judged", judged), ("tuned", tuned)):
        for name, takes in (
            ("no wrong label", lambda row: row["wrong"] == 0),
            ("up to 2 % wrong", lambda row: 0 < row["wrong"] <= 0.02),
        ):
            part = [row for row in rows if takes(row)]
            lines.append(
                [f"{title}, {name}", str(len(part))]
                + [_mean([row[one]["flagged"] for row in part], digits=4) for one in FLAGS]
                + [_mean([row["wrong"] for row in part], digits=4)]
            )
    return {
        "caption": "Share of rows flagged where few labels or none are wrong",
        "header": ["", "runs", "Thresher", "50 audited", "bare rule", "cleanlab", "truly wrong"],
        "rows": lines,
    }


def _encoder_table(rows: list[Row]) -> dict[str, Any]:
    lines = [
        [
            row["name"],
            f"{row['strength']:.3f}",
            f"{row['wrong']:.3f}",
            *(_mean([row[one]["AP"]]) for one in ("thresher", "cleanlab")),
            *(_mean([row[one]["F1"]]) for one in FLAGS),
            _interval(row),
        ]
        for row in rows
        if "planted" in row["name"]
    ]
    return {
        "caption": "The same wrong labels of 1,500 photographs by two encoders. The ten classes "
        "are among those that the joined one's network was trained on",
        "header": ["labels and encoder", "accuracy of the evidence", "wrong", "AP, Thresher",
                   "AP, cleanlab", *(f"F1, {name}" for name in FLAGS), "range"],
        "rows": lines,
    }  # fmt: skip


def _interval(row: Row) -> str:
    said = row["thresher"]
    return f"{said['low']:.3f}–{said['high']:.3f}" + ("" if said["known"] else ", not known")


def _case_table(rows: list[Row]) -> dict[str, Any]:
    lines = []
    for which in ("judged", "tuned"):
        part = [row for row in rows if row["list"] == which]
        for name in dict.fromkeys(row["name"] for row in part):
            runs = [row for row in part if row["name"] == name]
            lines.append(_case_line(f"{name}{' (tuned)' if which == 'tuned' else ''}", runs))
    return {
        "caption": "Case by case",
        "header": ["case", "accuracy of the evidence", "wrong", "said (first seed)", "said holds",
                   "flags right", "said right", *(f"F1, {name}" for name in FLAGS),
                   "AP, thresher", "AP, audited", "AP, cleanlab"],
        "rows": lines,
    }  # fmt: skip


def _case_line(name: str, runs: list[Row]) -> list[str]:
    return [
        name,
        _mean([row["strength"] for row in runs]),
        _mean([row["wrong"] for row in runs]),
        _interval(runs[0]),
        _share([holds(row, "thresher") for row in runs]),
        _mean([row["thresher"]["precision"] for row in runs]),
        _mean([row["thresher"]["said_precision"] for row in runs]),
        *(_mean([row[one].get("F1") for row in runs]) for one in FLAGS),
        *(
            _mean([row[one].get("AP") for row in runs])
            for one in ("thresher", "audited", "cleanlab")
        ),
    ]


def _ahead(rows: list[Row]) -> str:
    """Return our mean F1 less the higher mean F1 of the peers."""
    if not rows:
        return ""
    ours, *peers = (
        float(np.mean([row[one]["F1"] for row in rows]))
        for one in ("thresher", "bare rule", "cleanlab")
    )
    return f"{ours - max(peers):+.3f}"


def _cases(rows: list[Row]) -> str:
    return str(len({row["name"] for row in rows}))


def _mean(values: Sequence[float | None], *, digits: int = 3) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known):.{digits}f}" if known else ""


def _share(values: Sequence[bool]) -> str:
    return f"{sum(values)} of {len(values)}" if values else ""
