"""Which encoder ``"auto"`` takes, and why."""

from __future__ import annotations

from ..choice import Choice
from ..errors import check_choice
from ..schema import MODALITIES
from . import shipped

# What a larger encoder is called where its weights can be fetched.
LARGER = {"image": "hf:facebook/dinov2-small", "text": "st:all-MiniLM-L6-v2"}
FILES = {
    "image": ((shipped.LITE0,), ("onnx", "onnxruntime")),
    "text": ((shipped.TOKEN_VECTORS, shipped.TOKENS), ("tokenizers",)),
}


def choose_encoder(modality: str) -> Choice:
    """Choose by what is installed: ``joined:…`` with shipped weights, else ``builtin:…``."""
    check_choice("modality", modality, MODALITIES)
    if modality not in FILES:
        return Choice(f"builtin:{modality}", "columns of numbers need no weights")
    files, runtime = FILES[modality]
    lacking = shipped.lacking(files, runtime=runtime)
    larger = f"where a model hub can be reached, encoder='{LARGER[modality]}' knows more"
    if lacking:
        reason = f"{lacking}; {shipped.to_install(files)} adds what rows mean; {larger}"
        return Choice(f"builtin:{modality}", reason)
    return Choice(f"joined:{modality}", f"surface, and meaning by shipped weights; {larger}")
