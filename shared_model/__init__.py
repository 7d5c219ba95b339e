"""The model that both servers serve: the names that an adapter may use. Each is imported at its first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from shared_model import single_thread as single_thread  # first: it sizes the thread pools of the libraries that follow

if TYPE_CHECKING:
    from shared_model import contract as contract
    from shared_model.options import KEEP_ALIVE_S as KEEP_ALIVE_S
    from shared_model.options import STOP_TIMEOUT_S as STOP_TIMEOUT_S
    from shared_model.options import OptionError as OptionError
    from shared_model.options import Options as Options
    from shared_model.options import announce as announce
    from shared_model.options import bind_socket as bind_socket
    from shared_model.options import read_environment as read_environment
    from shared_model.options import read_upstream as read_upstream
    from shared_model.options import run_alone as run_alone
    from shared_model.options import temporary_folder as temporary_folder
    from shared_model.service import Service as Service
    from shared_model.service import start_service as start_service

_OPTIONS = (
    "KEEP_ALIVE_S", "STOP_TIMEOUT_S", "OptionError", "Options", "announce", "bind_socket", "read_environment", "read_upstream", "run_alone",
    "temporary_folder",
)  # fmt: skip
_HOMES = {**dict.fromkeys(_OPTIONS, "shared_model.options"), "Service": "shared_model.service", "start_service": "shared_model.service"}


def __getattr__(name: str) -> Any:
    """Return a name from its module; raise `AttributeError` if there is no such name."""
    if name not in _HOMES:
        message = f"module 'shared_model' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name]), name)
