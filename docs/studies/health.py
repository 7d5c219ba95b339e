"""How long does a health check wait while a slow model computes? `PYTHONPATH=tests .venv/bin/python docs/studies/health.py` keeps it.

Clients ask for predictions without pause, each for one passenger; beside them `/livez` is asked once a second, each time on a connection
of its own, as an orchestrator does. A check is late after 1 s, the time that Kubernetes gives it. Server and clients share the cores.
"""

import contextlib
import sys
import tempfile
import threading
import time
from pathlib import Path

from serving import Connection, message, reserved_port, running
from study import keep_table

SERVERS = {
    "Flask, 8 threads": "{python} -m flask_app {port}",
    "FastAPI, async def": "{python} -m fastapi_app {port}",
    "FastAPI, def": "{python} -m uvicorn --no-access-log --port {port} --factory fastapi_app.variants.threads:create_app",
}
MODEL_MS = (10, 100, 1000)
CLIENTS = (4, 16)
MEASURED_S, EVERY_S, LATE_S, TIMEOUT_S = 15.0, 1.0, 1.0, 40.0
PREDICT = message("POST", "/predict", b'[{"Age": 24}]')


def ask_without_pause(port: int, stopped: threading.Event) -> None:
    """Ask for one prediction after another until told to stop."""
    with contextlib.suppress(OSError), Connection(port) as connection:
        while not stopped.is_set():
            connection.ask(PREDICT, TIMEOUT_S)


def check(port: int, waits_s: list[float]) -> None:
    """Ask for the health once."""
    begin_s = time.monotonic()
    with contextlib.suppress(OSError), Connection(port) as connection:
        connection.ask(message("GET", "/livez"), TIMEOUT_S)
    waits_s.append(time.monotonic() - begin_s)


def observe(port: int, clients: int) -> list[float]:
    """Return how long each check of the health took, in order of length."""
    stopped, waits_s = threading.Event(), list[float]()
    users = [threading.Thread(target=ask_without_pause, args=(port, stopped)) for _ in range(clients)]
    for user in users:
        user.start()
    time.sleep(1)
    checks = []
    end_s = time.monotonic() + MEASURED_S
    while time.monotonic() < end_s:
        checks.append(threading.Thread(target=check, args=(port, waits_s)))
        checks[-1].start()
        time.sleep(EVERY_S)
    for one in checks:
        one.join()
    stopped.set()
    for user in users:
        user.join()
    return sorted(waits_s)


def main() -> None:
    """Observe each server with each model and number of clients, one at a time."""
    rows: list[dict[str, object]] = []
    for name, template in SERVERS.items():
        for model_ms in MODEL_MS:
            for clients in CLIENTS:
                with reserved_port() as port:
                    command = template.format(python=sys.executable, port=port).split()
                engine = {"SERVE_ENGINE": f"spin-{model_ms}ms"}
                with tempfile.TemporaryDirectory() as folder, running(name, Path(folder), env=engine, command=command, port=port):
                    waits_s = observe(port, clients)
                late = sum(wait_s > LATE_S for wait_s in waits_s) / len(waits_s)
                figures = {"p50_s": waits_s[len(waits_s) // 2], "p95_s": waits_s[len(waits_s) * 95 // 100], "late_share": late}
                rows.append({"server": name, "model_ms": model_ms, "clients": clients, "checks": len(waits_s), **figures})
                print(rows[-1], flush=True)
    keep_table("health", rows)


if __name__ == "__main__":
    main()
