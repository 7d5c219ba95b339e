"""Stub servers for the bench's own tests: small HTTP servers with a known behaviour, launched like any stack."""

import sys
import textwrap
from pathlib import Path

import pytest

from bench.plan.config import BenchConfig, Part
from bench.plan.stacks import Stack

# Answers `/readyz`; what it answers to other requests depends on the mode and on how many there were before.
STUB = '''
import asyncio, json, os, signal, sys

mode, port = sys.argv[1], int(sys.argv[2])
GOOD = b'{"prediction":[0]}'
count = 0
log_path = os.environ.get("STUB_LOG")
last = ""


def log(event):
    """Write an event; many equal ones in a row are one."""
    global last
    if log_path and event != last:
        with open(log_path, "a") as file:
            file.write(f"{sys.argv[3]} {event}\\n")
    last = event


def stop():
    log("stop")
    os._exit(0)


def reply(status, body, length=None):
    head = "HTTP/1.1 %s X\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n"
    return (head % (status, len(body) if length is None else length)).encode() + body


async def serve(reader, writer):
    global count
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            length = [int(line.split(b":")[1]) for line in head.split(b"\\r\\n") if line.lower().startswith(b"content-length:")]
            if length:
                await reader.readexactly(length[0])
            if head.startswith(b"GET /readyz"):
                log("ready")
                writer.write(reply(200, b'{"status":"ok"}'))
                continue
            log("asked")
            count += 1
            late = count > 60
            if mode == "status-500":
                writer.write(reply(500, b"no"))
            elif mode == "wrong":
                writer.write(reply(200, b'{"prediction":[1]}'))
            elif mode == "sometimes-wrong" and late and count % 100 == 0:
                writer.write(reply(200, b'{"prediction":[1]}'))
            elif mode == "cut-short" and late and count % 100 == 0:
                writer.write(reply(200, GOOD[:-3], len(GOOD)))
                writer.close()
                return
            elif mode == "closing":
                writer.write(reply(200, GOOD).replace(b"\\r\\n", b"\\r\\nConnection: close\\r\\n", 1))
                writer.close()
                return
            elif mode == "dies" and late:
                print("I am about to die", flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
            elif mode == "slow":
                await asyncio.sleep(0.002)
                writer.write(reply(200, GOOD))
            elif mode == "silent" and late:
                await asyncio.sleep(3600)
            elif mode == "chunked":
                writer.write(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n4\\r\\n" + GOOD[:4] + b"\\r\\n")
                await writer.drain()
                await asyncio.sleep(0)
                writer.write(b"%x\\r\\n" % len(GOOD[4:]) + GOOD[4:] + b"\\r\\n0\\r\\n\\r\\n")
            else:
                writer.write(reply(200, GOOD))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    log("start")
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop if mode != "ignoring" else lambda: None)
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


asyncio.run(main())
'''


@pytest.fixture(scope="session")
def stub_path(tmp_path_factory) -> Path:
    """The stub server's program."""
    path = tmp_path_factory.mktemp("stub") / "stub.py"
    path.write_text(textwrap.dedent(STUB), "utf-8")
    return path


@pytest.fixture
def make_stub(stub_path):
    """Return a function from a mode to a stack that behaves so."""

    def make(mode: str = "good", name: str = "", log: Path | None = None) -> Stack:
        name = name or f"stub-{mode}"
        environment = {"STUB_LOG": str(log)} if log else {}
        command = (sys.executable, str(stub_path), mode, "{port}", name)
        return Stack(name=name, command=command, label=mode, fixed=True, environment=environment)

    return make


@pytest.fixture
def stub_file(stub_path, tmp_path):
    """Return a function from modes to a stacks file that holds a stub for each."""

    def make(*modes: str) -> Path:
        path = tmp_path / "stubs.toml"
        path.write_text(
            "".join(f'[stub-{mode}]\nfixed = true\ncommand = ["{{python}}", "{stub_path}", "{mode}", "{{port}}"]\n' for mode in modes),
            "utf-8",
        )
        return path

    return make


@pytest.fixture
def make_config():
    """Return a function from stacks to a small plan that measures them."""

    def make(*stacks: Stack, launches: int = 1, blocks: int = 1, loads: tuple[str, ...] = ("closed-4",)) -> BenchConfig:
        names = tuple(stack.name for stack in stacks)
        return BenchConfig(
            profile="test",
            purpose="a test.",
            launches=launches,
            slice_ms=60,
            settle_ms=10,
            warm_up_ms=60,
            seed=1,
            pairs=((names[1], names[0]),) if len(names) > 1 else (),
            parts=(Part("headline", names, ("predict-1",), loads, blocks),),
            stacks={stack.name: stack for stack in stacks},
        )

    return make
