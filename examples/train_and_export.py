"""Train a compact model, quantize it, export it, and check the file against the torch model.

Run: python examples/train_and_export.py
"""

from __future__ import annotations

import tempfile

import numpy as np
from sklearn.datasets import load_digits

from augment import Augmenter, policies
from training import (
    check_parity,
    compact_model,
    evaluate,
    export,
    fit,
    quantize,
    samples_from_arrays,
)

digits = load_digits()
images = (digits.images * 15).astype(np.uint8)[..., None].repeat(3, axis=3)
row_ids = np.arange(len(images)).astype(str)
everything = samples_from_arrays(images, row_ids=row_ids, targets=digits.target)
train, test = everything.take(np.arange(1400)), everything.take(np.arange(1400, len(images)))

model = compact_model("resnet8", num_classes=10, input_shape=(3, 8, 8), width=16)
crop = Augmenter(policies.standard(pad=1, flip=False, cutout=2), random_state=0)
run = fit(model, train, epochs=6, batch_size=32, augment=crop.for_training(), random_state=0)
int8 = quantize(run.model, train, method="qat", epochs=1, random_state=0)

with tempfile.TemporaryDirectory() as folder:
    exported = export(int8, folder + "/int8", classes=[str(digit) for digit in range(10)])
    parity = check_parity(exported, int8, test)
    before, after = evaluate(run.model, test).accuracy, evaluate(exported, test).accuracy
    print(f"float {before:.1%}, int8 {after:.1%}, {exported.size_bytes / 1000:.0f} kB")
    print(f"the file answers as torch does on {parity.agreement:.1%} of the rows")
    print("first five:", exported.predict_classes(test.inputs[:5].numpy()))
