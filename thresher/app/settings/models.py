"""Settings of augmentation, models, limits and costs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .group import Auto, Count, Group, Positive, setting


class AugmentSettings(Group):
    """How training rows are changed in every epoch."""

    policy: str = setting(
        "The policy's name, or auto to let the labels at hand decide.",
        "auto",
    )
    budget_s: float = setting(
        "CPU-seconds that the decision may take, wall time with pilots. The default is far above "
        "what it takes, so that a slow machine decides as a fast one does.",
        60.0,
        gt=0,
    )
    pilots: int = setting(
        "Short training runs of each candidate at most that decide; with 0 harmful operations are "
        "taken out of the standard policy.",
        0,
        ge=0,
        le=100,
    )


class ModelSettings(Group):
    """A network and its training; "auto" is decided from the size and kind of the data."""

    model: str = setting("Name of the network.", "auto")
    width: Count | Auto = setting("Channels or units of its first stage.", "auto")
    epochs: Count | Auto = setting(
        "Epochs: passes over the training rows. auto: of the teacher, shorter schedules are tried "
        "first, and longer ones while validation rows do not speak against it.",
        "auto",
    )
    max_epochs: Count | Auto = setting(
        "Epochs at most where they are auto; auto: decided from the size and kind of the data.",
        "auto",
    )
    batch_size: Count | Auto = setting("Rows of an optimizer step.", "auto")
    lr: Positive | Auto = setting("Peak learning rate.", "auto")
    seconds: Positive | Auto = setting(
        "Wall time to aim at on the reference machine of recipes; it decides the epochs.", "auto"
    )


class TeacherSettings(ModelSettings):
    """The teacher; ``model`` may also name a pretrained one.

    ``timm:NAME``, ``transformers:NAME`` or ``sentence-transformers:NAME``, where NAME may be a
    folder; or ``shipped:efficientnet-lite0``, which the student and its files then are.
    """

    mode: Literal["frozen", "fine_tune", "lora"] = setting(
        "What of a pretrained teacher is trained: its head alone, all of it, or adapters.", "frozen"
    )
    rank: int = setting("Rank of the adapters of a pretrained teacher.", 8, ge=1)


class StudentSettings(ModelSettings):
    """The student."""

    max_drop: float = setting(
        "Share of accuracy that it may lose to the teacher, by validation rows: with a width of "
        "auto larger students are tried, in at most twice the time, and at last the teacher "
        "itself is taken. 1: the smallest is taken.",
        0.01,
        ge=0,
        le=1,
    )


class DistilSettings(Group):
    """How the student learns from the teacher (Hinton et al., 2015)."""

    temperature: Positive | Auto = setting(
        "Above 1 softens both distributions, so that the smaller probabilities count.", "auto"
    )
    alpha: float = setting("Weight of the teacher; the labels have the rest.", 0.9, ge=0, le=1)


class QuantizeSettings(Group):
    """How the student becomes an integer model."""

    method: Literal["auto", "ptq", "qat"] = setting(
        "ptq calibrates, qat also trains, auto trains only where calibration loses too much.",
        "auto",
    )
    weight_bits: Literal[4, 8] = setting(
        "Bits of a weight; 4 halve the file, gain no time, train long and may cost accuracy: the "
        "run warns where 8 clearly lose less. The first and the last layer keep 8 then, and so do "
        "all values between layers (`training.quantize` simulates fewer).",
        8,
    )
    weight_range: Literal["portable", "full"] = setting(
        "A portable range of weights gives the same answers on every processor; a full one is "
        "exact only where integer kernels add in 32 bits (x86 with VNNI, Arm).",
        "portable",
    )
    epochs: Count | Auto = setting(
        "Epochs of quantization-aware training; auto: 2 at 8 bits, as many as 4 bits need.", "auto"
    )
    calibration_rows: int = setting("Rows used for calibration at most.", 512, ge=1)


class GateSettings(Group):
    """Limits that the exported int8 model must meet; the command leaves with 3 otherwise."""

    min_agreement: float | None = setting(
        "Share of test rows with the same class as the torch model.", 0.99, ge=0, le=1
    )
    max_accuracy_drop: float | None = setting(
        "Accuracy lost to the float student.", 0.02, ge=0, le=1
    )
    min_accuracy: float | None = setting("Accuracy on the test rows.", ge=0, le=1)
    max_size_ratio: float | None = setting("Size against the float file.", gt=0)
    min_speedup: float | None = setting("Speed against the float file.", gt=0)


class CostSettings(Group):
    """What the machine costs, to tell the run's price."""

    price_per_hour: dict[Literal["cpu", "cuda"], Annotated[float, Field(ge=0)]] = setting(
        "Price of the machine by device, cpu or cuda.", {}
    )

    @property
    def prices(self) -> dict[str, float]:
        """The same, by any text."""
        return {str(device): price for device, price in self.price_per_hour.items()}
