"""The names of Flower that are used, loaded when an app is made.

Secure aggregation is in Flower's modules for older apps, which move between versions: hence the
narrow range.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from thresher.core.errors import MissingExtraError

INSTALL = (
    "Flower needs an environment of its own, since it wants other versions than the command line: "
    "python3 -m venv FOLDER && FOLDER/bin/pip install 'flwr[simulation]>=1.42,<1.43' pyarrow && "
    "FOLDER/bin/pip install --no-deps thresher"
)


def load_flower() -> Any:
    """Return the names of Flower in one object.

    Raises
    ------
    MissingExtraError
        Where Flower is not installed, or another version.
    """
    try:
        from flwr import common
        from flwr.app import ArrayRecord, ConfigRecord, Message
        from flwr.client.mod import secaggplus_mod
        from flwr.clientapp import ClientApp
        from flwr.common.secure_aggregation import secaggplus_constants as secure
        from flwr.common.serde import recorddict_to_proto
        from flwr.compat.common import recorddict_compat
        from flwr.server import LegacyContext
        from flwr.server.workflow import SecAggPlusWorkflow, constant
        from flwr.serverapp import ServerApp
    except ImportError as error:
        raise MissingExtraError(f"{INSTALL} ({error})") from error
    names = {
        "ArrayRecord": ArrayRecord,
        "ConfigRecord": ConfigRecord,
        "Message": Message,
        "ClientApp": ClientApp,
        "ServerApp": ServerApp,
        "LegacyContext": LegacyContext,
        "SecAggPlusWorkflow": SecAggPlusWorkflow,
        "FitIns": common.FitIns,
        "FitRes": common.FitRes,
        "Parameters": common.Parameters,
        "done": common.Status(common.Code.OK, ""),
        "to_arrays": common.parameters_to_ndarrays,
        "to_parameters": common.ndarrays_to_parameters,
        "to_bytes": common.ndarray_to_bytes,
        "from_bytes": common.bytes_to_ndarray,
        "compat": recorddict_compat,
        "to_proto": recorddict_to_proto,
        "mask": secaggplus_mod,
        "secure": secure,
        "constant": constant,
    }
    return SimpleNamespace(**names)
