"""Train a teacher, distil it into a small student, make integers of it, and check the file.

The same from the command line: thresher train DATA --out FOLDER

Run: python examples/distil_to_int8.py
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from augment import Augmenter, policies
from training import (
    check_parity,
    compact_model,
    distill,
    evaluate,
    export,
    fit,
    profile,
    quantize,
    samples_from_arrays,
)

digits = load_digits()
images = (digits.images * 15).astype(np.uint8)[..., None].repeat(3, axis=3)
rows = samples_from_arrays(
    images, row_ids=np.arange(len(images)).astype(str), targets=digits.target
)
train, test = rows.take(np.arange(1400)), rows.take(np.arange(1400, len(images)))
shift = Augmenter(policies.standard(pad=1, flip=False, cutout=2), random_state=0).for_training()

teacher = compact_model("resnet8", num_classes=10, input_shape=(3, 8, 8), width=16)
fit(teacher, train, epochs=4, batch_size=32, augment=shift, random_state=0)

student = compact_model("resnet8", num_classes=10, input_shape=(3, 8, 8), width=8)
distill(student, teacher, train, epochs=5, batch_size=32, augment=shift, random_state=0)

int8 = quantize(student, train, random_state=0)
print("how it was quantized:", int8.choices["method"])

exported = export(int8, "int8", classes=[str(digit) for digit in range(10)])
check_parity(exported, int8, test).require(0.99)  # the file computes what was simulated
for name, model in (("teacher", teacher), ("student", student), ("int8 file", exported)):
    accuracy = evaluate(model, test)
    low, high = accuracy.interval
    percent = f"{100 * accuracy.accuracy:.1f} % ({100 * low:.1f}–{100 * high:.1f})"
    print(f"{name:>9}: {percent} of the test rows are right")

cost = profile(exported, batch_sizes=(1,), seconds=0.1)
print(f"{cost.size_bytes / 1000:.0f} kB, {cost.latency[1].p50_ms:.3f} ms per image")
print("first five:", exported.predict_classes(test.inputs[:5].numpy()))
