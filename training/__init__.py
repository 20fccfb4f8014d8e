"""Train compact models: fit, distil, prune, quantize, export, check, profile.

Names are loaded on first use, so that importing this package loads no torch; where torch is not
installed, it says how to get it. No submodule is named like a public function: importing it would
hide the function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.errors import require_training
from thresher.core.lazy import lazy_names
from thresher.core.moved import moved_modules

if TYPE_CHECKING:
    from .distillation.distill import distill as distill
    from .distillation.teacher_logits import teacher_logits as teacher_logits
    from .evaluation import evaluate as evaluate
    from .exits import Cascade as Cascade
    from .exits import ExitLoss as ExitLoss
    from .exits import export_exits as export_exits
    from .exits import load_exits as load_exits
    from .exits import with_exits as with_exits
    from .exporting import export as export
    from .exporting import load_exported as load_exported
    from .loop.batches import Batch as Batch
    from .loop.dynamics import DynamicsRecorder as DynamicsRecorder
    from .loop.fit import fit as fit
    from .loop.hooks import Hook as Hook
    from .loop.hooks import Moment as Moment
    from .loop.run import TrainingRun as TrainingRun
    from .models import ModelSpec as ModelSpec
    from .models import build_model as build_model
    from .models import compact_model as compact_model
    from .parity import check_parity as check_parity
    from .pretrained import pretrained_model as pretrained_model
    from .profiling import compare as compare
    from .profiling import profile as profile
    from .pruning import prune as prune
    from .quantization import quantize as quantize
    from .recipes import recipe as recipe
    from .rows import HashTokenizer as HashTokenizer
    from .rows.samples import Samples as Samples
    from .rows.samples import samples_from_arrays as samples_from_arrays
    from .rows.token_dropout import TokenDropout as TokenDropout
    from .search import search_compact as search_compact

require_training()

_HOME = {
    "Batch": "loop.batches",
    "Cascade": "exits",
    "DynamicsRecorder": "loop.dynamics",
    "ExitLoss": "exits",
    "HashTokenizer": "rows",
    "Hook": "loop.hooks",
    "ModelSpec": "models",
    "Moment": "loop.hooks",
    "Samples": "rows.samples",
    "TokenDropout": "rows.token_dropout",
    "TrainingRun": "loop.run",
    "build_model": "models",
    "check_parity": "parity",
    "compact_model": "models",
    "compare": "profiling",
    "distill": "distillation.distill",
    "evaluate": "evaluation",
    "export": "exporting",
    "export_exits": "exits",
    "fit": "loop.fit",
    "load_exits": "exits",
    "load_exported": "exporting",
    "pretrained_model": "pretrained",
    "profile": "profiling",
    "prune": "pruning",
    "quantize": "quantization",
    "recipe": "recipes",
    "samples_from_arrays": "rows.samples",
    "search_compact": "search",
    "teacher_logits": "distillation.teacher_logits",
    "with_exits": "exits",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)

# The old names of modules that examples showed, or that own hooks and losses need; they go with the
# next release.
moved_modules(
    __name__,
    {
        "batches": "loop.batches",
        "dynamics": "loop.dynamics",
        "hooks": "loop.hooks",
        "loss": "loop.loss",
        "run": "loop.run",
        "samples": "rows.samples",
        "rows.tokens": "rows",
        "text": "rows",
    },
)
