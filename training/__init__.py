"""Train compact models: fit, distil, prune, quantize, export, check, profile.

Names are loaded on first use, so that importing this package loads no torch; where torch is not
installed, it says how to get it. No submodule is named like a public function: importing it would
hide the function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.errors import require_training
from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .distillation import distill as distill
    from .evaluation import evaluate as evaluate
    from .exporting import export as export
    from .exporting import load_exported as load_exported
    from .judging import teacher_logits as teacher_logits
    from .loop import fit as fit
    from .models import ModelSpec as ModelSpec
    from .models import compact_model as compact_model
    from .parity import check_parity as check_parity
    from .pretrained import pretrained_model as pretrained_model
    from .profiling import profile as profile
    from .pruning import prune as prune
    from .quantization import quantize as quantize
    from .recipes import recipe as recipe
    from .run import TrainingRun as TrainingRun
    from .samples import Samples as Samples
    from .search import search_compact as search_compact
    from .token_dropout import TokenDropout as TokenDropout

require_training()

_HOME = {
    "ModelSpec": "models",
    "Samples": "samples",
    "TokenDropout": "token_dropout",
    "TrainingRun": "run",
    "check_parity": "parity",
    "compact_model": "models",
    "distill": "distillation",
    "evaluate": "evaluation",
    "export": "exporting",
    "fit": "loop",
    "load_exported": "exporting",
    "pretrained_model": "pretrained",
    "profile": "profiling",
    "prune": "pruning",
    "quantize": "quantization",
    "recipe": "recipes",
    "search_compact": "search",
    "teacher_logits": "judging",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
