"""Print a hash of every choice that strategies, core sets, searches and policies make."""

import hashlib
import json

import numpy as np

from active_learning import STRATEGIES, query
from active_learning.learners.logistic import LogisticHead
from active_learning.strategies import MaxHerding, ProbCover, UHerding
from augment import policies
from augment.choosing.choose import choose_policy
from curation.coreset.selection import METHODS, select_coreset
from thresher.core.embeddings import Embeddings


def digest(values: object) -> str:
    return hashlib.sha256(str(np.asarray(values).tolist()).encode()).hexdigest()[:16]


rng = np.random.default_rng(0)
ROWS, CLASSES = 1500, 5
centers = rng.normal(size=(30, 24))
codes = rng.integers(0, 30, ROWS)
vectors = (centers[codes] + 0.7 * rng.normal(size=(ROWS, 24))).astype(np.float32)
vectors[100:130] = vectors[:30]  # equal rows, and rows that mirror each other, tie in theory
vectors[130:160] = vectors[:30, ::-1]
rows = Embeddings.from_vectors(vectors)
labels = codes % CLASSES
arrays = {
    "embeddings": rows,
    "pred_probs": rng.dirichlet(np.ones(CLASSES), size=ROWS).astype(np.float32).round(2),
    "ensemble_probs": rng.dirichlet(np.ones(CLASSES), size=(4, ROWS)),
    "dropout_probs": rng.dirichlet(np.ones(CLASSES), size=(3, ROWS)),
    "class_counts": np.arange(CLASSES),
    "labeled": np.arange(40),
}
arrays["pred_probs"] /= arrays["pred_probs"].sum(axis=1, keepdims=True)
sampled = [MaxHerding(max_points=300), UHerding(max_points=300), ProbCover(max_points=300)]
answer = {}
for strategy in [*STRATEGIES, *sampled]:
    name = strategy if isinstance(strategy, str) else f"{strategy.name}, sampled"
    answer[f"query: {name}"] = digest(
        query(strategy=strategy, **arrays, n=60, random_state=1).positions
    )
seen = arrays["labeled"]
for turn in range(4):  # as a session goes: a model of the labels so far says where to ask next
    model = LogisticHead()(rows.vectors[seen], labels[seen], num_classes=CLASSES, random_state=turn)
    probs = model(rows.vectors)
    found = query(
        strategy="auto", embeddings=rows, pred_probs=probs, labeled=seen, n=40, random_state=turn
    )
    seen = np.concatenate([seen, found.positions])
answer["session"] = digest(seen)
scores = rng.integers(0, 9, ROWS) / 3
needs = {"forgetting": {"scores": scores}, "aum": {"scores": scores}}
needs["longest"] = {"token_counts": rng.integers(1, 40, ROWS)}
for method in METHODS:
    given = needs.get(method, {"labels": labels})
    found = select_coreset(rows, n=400, method=method, **given)
    answer[f"core set: {method}"] = digest(found.positions) + digest(found.weights.round(4))

pictures = rng.integers(0, 256, (8, 12, 12), dtype=np.uint8).repeat(12, axis=0)
pictures = (pictures // 2 + rng.integers(0, 120, pictures.shape)).astype(np.uint8)[..., None]
of_picture = np.arange(8).repeat(12) % 4
candidates = (policies.crop_flip(pad=1), policies.standard(pad=1, cutout=3))
plain = choose_policy(pictures, of_picture, candidates=candidates, budget_s=600)
tied = choose_policy(
    pictures,
    of_picture,
    candidates=candidates,
    fit=lambda _policy, train, _test, seed: (len(train) % 7 + seed % 3) / 30,
    budget_s=600,
    rounds=3,
)
for name, choice in (("screen", plain), ("pilots", tied)):
    answer[f"policy: {name}"] = f"{choice.policy.fingerprint} {choice.reason}"
print(json.dumps(answer))
