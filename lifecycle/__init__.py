"""After training: serve models, watch them, compare them, and know when to train again.

Names are loaded on first use, so that importing this package loads no runtime and no web server.
No submodule is named like a public function: importing it would hide the function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.core.lazy import lazy_names

if TYPE_CHECKING:
    from .adapters.adapter import Adapter as Adapter
    from .adapters.adapter import Base as Base
    from .adapters.network import AdaptedNetwork as AdaptedNetwork
    from .adapters.network import merge_adapter as merge_adapter
    from .adapters.peft_files import adapter_from_peft as adapter_from_peft
    from .adapters.peft_files import adapter_to_peft as adapter_to_peft
    from .adapters.router import Router as Router
    from .adapters.router import Routes as Routes
    from .adapters.store import AdapterStore as AdapterStore
    from .adapters.weight_files import base_of_files as base_of_files
    from .adapters.weight_files import merge_files as merge_files
    from .comparing.asymptotic import AsymptoticSequence as AsymptoticSequence
    from .comparing.betting import BettingSequence as BettingSequence
    from .comparing.canary import Canary as Canary
    from .comparing.groups import ABTest as ABTest
    from .comparing.guard import Guard as Guard
    from .comparing.routing import canary_app as canary_app
    from .comparing.sample_size import rows_needed as rows_needed
    from .comparing.shadow import Shadow as Shadow
    from .federated.flower.client import LocalResult as LocalResult
    from .federated.flower.client import LocalTask as LocalTask
    from .federated.flower.client import flower_client as flower_client
    from .federated.flower.server import flower_server as flower_server
    from .federated.local_head import train_head as train_head
    from .federated.packing import PackedUpdate as PackedUpdate
    from .federated.packing import UpdatePacker as UpdatePacker
    from .federated.shared_rows import rows_to_drop as rows_to_drop
    from .federated.shared_rows import salted_hashes as salted_hashes
    from .federated.split import dirichlet_split as dirichlet_split
    from .federated.weighting import ClientUpdate as ClientUpdate
    from .federated.weighting import combine_updates as combine_updates
    from .federated.weighting import reach as reach
    from .monitoring.accuracy import estimate_accuracy as estimate_accuracy
    from .monitoring.calibration import calibration_error as calibration_error
    from .monitoring.drift import compare_rows as compare_rows
    from .monitoring.labels_a_day import labels_needed as labels_needed
    from .monitoring.reference import read_reference as read_reference
    from .monitoring.reference import write_reference as write_reference
    from .monitoring.ring import RequestRing as RequestRing
    from .monitoring.ring import read_requests as read_requests
    from .monitoring.watch import Watch as Watch
    from .serving.app import serving_app as serving_app
    from .serving.litserve_file import write_litserve as write_litserve
    from .serving.measuring import measure_requests as measure_requests
    from .serving.open_telemetry import OtelExporter as OtelExporter
    from .serving.options import ServingOptions as ServingOptions
    from .serving.planning import ServingPlan as ServingPlan
    from .serving.running import serve as serve
    from .serving.served_model import ServedModel as ServedModel
    from .serving.served_model import load_served as load_served
    from .triggers.trigger import Trigger as Trigger
    from .triggers.trigger import TriggerRules as TriggerRules
    from .triggers.trigger import dry_run as dry_run

_HOME = {
    "PackedUpdate": "federated.packing",
    "UpdatePacker": "federated.packing",
    "dirichlet_split": "federated.split",
    "rows_to_drop": "federated.shared_rows",
    "salted_hashes": "federated.shared_rows",
    "ClientUpdate": "federated.weighting",
    "combine_updates": "federated.weighting",
    "reach": "federated.weighting",
    "train_head": "federated.local_head",
    "LocalResult": "federated.flower.client",
    "LocalTask": "federated.flower.client",
    "flower_client": "federated.flower.client",
    "flower_server": "federated.flower.server",
    "Adapter": "adapters.adapter",
    "AdapterStore": "adapters.store",
    "AdaptedNetwork": "adapters.network",
    "Base": "adapters.adapter",
    "adapter_from_peft": "adapters.peft_files",
    "adapter_to_peft": "adapters.peft_files",
    "base_of_files": "adapters.weight_files",
    "merge_files": "adapters.weight_files",
    "Router": "adapters.router",
    "Routes": "adapters.router",
    "merge_adapter": "adapters.network",
    "OtelExporter": "serving.open_telemetry",
    "ServedModel": "serving.served_model",
    "ServingPlan": "serving.planning",
    "ServingOptions": "serving.options",
    "measure_requests": "serving.measuring",
    "load_served": "serving.served_model",
    "serve": "serving.running",
    "serving_app": "serving.app",
    "write_litserve": "serving.litserve_file",
    "AsymptoticSequence": "comparing.asymptotic",
    "BettingSequence": "comparing.betting",
    "Canary": "comparing.canary",
    "ABTest": "comparing.groups",
    "Guard": "comparing.guard",
    "rows_needed": "comparing.sample_size",
    "Shadow": "comparing.shadow",
    "estimate_accuracy": "monitoring.accuracy",
    "calibration_error": "monitoring.calibration",
    "compare_rows": "monitoring.drift",
    "labels_needed": "monitoring.labels_a_day",
    "RequestRing": "monitoring.ring",
    "read_requests": "monitoring.ring",
    "Watch": "monitoring.watch",
    "Trigger": "triggers.trigger",
    "TriggerRules": "triggers.trigger",
    "dry_run": "triggers.trigger",
    "read_reference": "monitoring.reference",
    "write_reference": "monitoring.reference",
    "canary_app": "comparing.routing",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
