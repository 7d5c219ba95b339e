"""Servers that answer rightly in ways that few do, and wrongly in ways that are easily missed."""

import sys

from bench.plan.stacks import Stack

# The whole answer to each request, %BLANKS being more or fewer of them each time and %SIZE the length of the body; whether the connection
# ends after it.
ANSWERS = {
    "until-closed": ("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + '{"prediction":[0]}', True),
    "early": ("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n" + '{"prediction":[0]}', False),
    "varying": ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%SIZE\r\n" + '{"prediction":%BLANKS[0]}' + "\r\n0\r\n\r\n", False),
    "boolean": ("HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n" + '{"prediction":[false]}', False),
    "fraction": ("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + '{"prediction":[0.0]}', False),
}
SERVER = """
import asyncio, sys

template, ends = sys.argv[2].encode().decode("unicode_escape"), sys.argv[3] == "True"

async def serve(reader, writer):
    count = 0
    while head := await reader.readuntil(b"\\r\\n\\r\\n"):
        length = [int(line.split(b":")[1]) for line in head.split(b"\\r\\n") if line.lower().startswith(b"content-length")]
        await reader.readexactly(length[0] if length else 0)
        count += 1
        blanks = " " * (count % 5)
        writer.write(template.replace("%SIZE", f"{18 + len(blanks):x}").replace("%BLANKS", blanks).encode())
        if ends:
            break
    writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()

asyncio.run(main())
"""


def odd_server(name: str) -> Stack:
    """Return a stack that answers every request so."""
    template, ends = ANSWERS[name]
    words = (sys.executable, "-c", SERVER, "{port}", template.encode("unicode_escape").decode(), str(ends))
    return Stack(name=name, command=words, fixed=True)
