"""The model that both servers serve: the names an adapter may use."""

from shared_model import single_thread as single_thread  # first: it sizes the thread pools of the libraries below

# isort: split
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
from shared_model.service import Service as Service
