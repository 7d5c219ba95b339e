"""Several machines in one: network namespaces with an address each on one bridge, made for a block and removed after it."""

import contextlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

BENCH, SERVERS = "10.199.7.1", "10.199.7.2"
_made = itertools.count()


@dataclass(frozen=True)
class Host:
    """A machine: its name as a namespace, its address, and the command that reaches it."""

    name: str
    address: str

    @property
    def template(self) -> str:
        """The template of a command that starts others there."""
        return f"ip netns exec {self.name} {{command}}"

    @contextlib.contextmanager
    def delayed(self, ms: float) -> Iterator[None]:
        """Let everything that this host sends wait for so long; raise `CalledProcessError` where the kernel cannot."""
        queue = ("netns", "exec", self.name, "tc", "qdisc")
        ip(*queue, "add", "dev", "eth0", "root", "netem", "delay", f"{ms}ms")
        try:
            yield
        finally:
            ip(*queue, "del", "dev", "eth0", "root")


def ip(*words: str) -> None:
    """Run `ip`, or raise `CalledProcessError`."""
    subprocess.run(["ip", *words], check=True, capture_output=True)  # noqa: S607 - wherever the system has it


def why_not() -> str:
    """Return why namespaces cannot be made here; an empty text if they can."""
    if shutil.which("ip") is None:
        return "there is no command 'ip' (iproute2)"
    name = f"bench-{os.getpid()}-try"
    try:
        ip("netns", "add", name)
        ip("netns", "del", name)
        ip("link", "add", name[:12], "type", "bridge")
        ip("link", "del", name[:12])
    except subprocess.CalledProcessError as error:
        return error.stderr.decode(errors="replace").strip() or "namespaces need root"
    return ""


@contextlib.contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """Make a host for servers and so many others, each beside this machine on one bridge; remove all at the end."""
    mark = f"{os.getpid() % 100_000}{next(_made)}"  # a deleted namespace keeps its interfaces for a moment
    bridge = f"bb{mark}"
    with contextlib.ExitStack() as exits:
        ip("link", "add", bridge, "type", "bridge")
        exits.callback(ip, "link", "del", bridge)
        ip("addr", "add", f"{BENCH}/24", "dev", bridge)
        ip("link", "set", bridge, "up")
        made = []
        for number in range(count + 1):
            host = Host(f"bench-{mark}-{number}", f"10.199.7.{number + 2}")
            outer = f"bv{mark}-{number}"
            ip("netns", "add", host.name)
            exits.callback(ip, "netns", "del", host.name)
            ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", host.name)
            ip("link", "set", outer, "master", bridge, "up")
            for words in (("addr", "add", f"{host.address}/24", "dev", "eth0"), ("link", "set", "eth0", "up"), ("link", "set", "lo", "up")):
                ip("-n", host.name, *words)
            made.append(host)
        yield made
