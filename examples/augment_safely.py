"""Ask which augmentations harm these labels before training with them, and use what is left.

The same from the command line: thresher augment audit DATA, then thresher augment choose DATA

Run: python examples/augment_safely.py
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from augment import Augmenter, audit, choose_policy, policies, spare_classes

digits = load_digits()
images = (digits.images[:200] * 15).astype(np.uint8)[..., None].repeat(3, axis=3)
labels = digits.target[:200]
row_ids = [f"scan-{at:04}" for at in range(len(images))]

# Mirrored digits are other signs, and a box that covers much covers what tells them apart.
policy = policies.standard(pad=2, flip=True, cutout=4)
report = audit(images, labels, policy=policy, strengths=(1.0,), random_state=0)
told = 100 * report.teacher_accuracy
print(f"the audit's teacher is right on {told:.0f} % of {report.rows} rows")
for entry in report.entries:
    print(f"{entry.op:>10}: {entry.verdict}")
print("classes that some operation harms:", ", ".join(sorted(spare_classes(report))))

chosen = choose_policy(images, labels, budget_s=5, random_state=0)
print("chosen:", chosen.reason)

augmenter = Augmenter(chosen.policy, random_state=0)
batch = augmenter.batch(images[:16], row_ids[:16], epoch=3)
alone = augmenter(images[5], row_id=row_ids[5], epoch=3)
assert (batch[5] == alone).all()  # the same row, epoch and seed: the same bits, in any batch
print("what happened to one row:", augmenter.explain(row_ids[5], epoch=3, size=(8, 8)))
