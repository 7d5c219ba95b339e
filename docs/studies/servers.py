"""Send odd requests to each server and rewrite the table of servers.md: `PYTHONPATH=tests .venv/bin/python docs/studies/servers.py`."""

import contextlib
import tempfile
import time
from pathlib import Path

from serving import BIN, COMMANDS, JSON, Connection, command_line, free_port, message, running

PAGE = Path(__file__).parents[1] / "servers.md"
BEGIN, END = "<!-- table begins -->\n", "<!-- table ends -->\n"
WAIT_S, HELD_OPEN_S = 1.0, 9.0
APP_TYPES = {JSON, "application/problem+json"}
BODY = b'[{"Age": 24}]'
WEBSOCKET = {"Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": "MDEyMzQ1Njc4OWFiY2RlZg=="}
SERVERS = {
    "gunicorn gthread (Flask)": "flask-gthread",
    "uvicorn httptools (FastAPI)": "fastapi-uvicorn",
    "granian WSGI (Flask)": "flask-granian",
    "granian ASGI (FastAPI)": "fastapi-granian",
    "Werkzeug's dev server (Flask)": "flask-dev",
}


def line(text: str) -> bytes:
    """Return a request without a body that begins with this line."""
    return f"{text}\r\nHost: localhost\r\n\r\n".encode("latin-1")


def post(*fields: str, body: bytes = BODY, length: str | None = f"Content-Length: {len(BODY)}") -> bytes:
    """Return a prediction request with further header fields, exactly as written."""
    lines = ["POST /predict HTTP/1.1", "Host: localhost", f"Content-Type: {JSON}", *([length] if length else []), *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunked(body: bytes, *fields: str) -> bytes:
    """Return a prediction request whose body is framed as written."""
    return post("Transfer-Encoding: chunked", *fields, body=body, length=None)


CASES = {
    "**Request line**": None,
    "`hello`": line("hello"),
    "`GET /livez` without a version": line("GET /livez"),
    "`HTTP/1.0`": line("GET /livez HTTP/1.0"),
    "`HTTP/1.0` with `Connection: keep-alive`": line("GET /livez HTTP/1.0\r\nConnection: keep-alive"),
    "`HTTP/2.0`": line("GET /livez HTTP/2.0"),
    "unknown method `BREW`": line("BREW /livez HTTP/1.1"),
    "lower-case method `get`": line("get /livez HTTP/1.1"),
    "lower-case method `post`": b"post" + post()[4:],
    "absolute form `http://other/livez`": line("GET http://other/livez HTTP/1.1"),
    "`GET //livez`": line("GET //livez HTTP/1.1"),
    "`OPTIONS *`": line("OPTIONS * HTTP/1.1"),
    "`CONNECT localhost:80`": line("CONNECT localhost:80 HTTP/1.1"),
    "unencoded `\u00e9` in the path": line("GET /\xe9 HTTP/1.1"),
    "path of 9,000 bytes": line(f"GET /{'a' * 9_000} HTTP/1.1"),
    "path of 70,000 bytes": line(f"GET /{'a' * 70_000} HTTP/1.1"),
    "empty line before the request": b"\r\n" + line("GET /livez HTTP/1.1"),
    "lines end with LF alone": line("GET /livez HTTP/1.1").replace(b"\r\n", b"\n"),
    "**Header fields**": None,
    "value of 9,000 bytes": post(f"X-Long: {'a' * 9_000}"),
    "value of 70,000 bytes": post(f"X-Long: {'a' * 70_000}"),
    "120 fields": post(*[f"X-{number}: a" for number in range(120)]),
    "null byte in a value": post("X-Odd: a\0b"),
    "`\u00e9` in a value": post("X-Odd: \xe9"),
    "value continued on a second line (obs-fold)": post("X-Odd: a\r\n b"),
    "space before the colon": post("X-Odd : a"),
    "no `Host`": post().replace(b"Host: localhost\r\n", b""),
    "`Host` twice": post("Host: other"),
    "`Content-Type: text/plain` after `application/json`": post("Content-Type: text/plain"),
    "`\u00e9` in a parameter of `Content-Type`": post().replace(JSON.encode(), JSON.encode() + b"; a=\xe9"),
    "`Content-Encoding: identity`, then `gzip`": post("Content-Encoding: identity", "Content-Encoding: gzip"),
    "`Expect: something`": post("Expect: something"),
    "`Expect: 100-continue`, body held back": post("Expect: 100-continue", body=b""),
    "`GET`, `Upgrade: websocket`": message("GET", "/livez", Connection="Upgrade", Upgrade="websocket", **WEBSOCKET),
    "`POST`, `Upgrade: h2c`": post("Connection: Upgrade", "Upgrade: h2c"),
    "**Body**": None,
    "`Content-Length: +13`": post(length="Content-Length: +13"),
    "`Content-Length` twice, equal": post("Content-Length: 13"),
    "`Content-Length` twice, different": post("Content-Length: 3"),
    "`Content-Length` and chunked": chunked(b"d\r\n%b\r\n0\r\n\r\n" % BODY, "Content-Length: 13"),
    "`Transfer-Encoding: gzip, chunked`": post("Transfer-Encoding: gzip, chunked", body=b"d\r\n%b\r\n0\r\n\r\n" % BODY, length=None),
    "chunked in `HTTP/1.0`": chunked(b"d\r\n%b\r\n0\r\n\r\n" % BODY).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "chunk extension": chunked(b"d;a=b\r\n%b\r\n0\r\n\r\n" % BODY),
    "trailer": chunked(b"d\r\n%b\r\n0\r\nX-Check: a\r\n\r\n" % BODY),
    "chunk size `zz`": chunked(b"zz\r\n%b\r\n0\r\n\r\n" % BODY),
    "body ends early, valid JSON so far": (post(length="Content-Length: 14"), "half-closed"),
    "chunks end early, valid JSON so far": (chunked(b"d\r\n%b\r\n" % BODY), "half-closed"),
    "`HEAD` with a body": message("HEAD", "/livez", BODY),
    "**How long others wait for an answer**": None,
    "client asks for `Connection: close` and does not close": (post("Connection: close"), "held open"),
    "client announces 2 MB, gets 413 and sends nothing": (post(length="Content-Length: 2000000", body=b""), "held open"),
    "client sends half of its body": (post(length="Content-Length: 26"), "held open"),
}


def observe(port: int, request: bytes, ending: str) -> str:
    """Send a request and say who answered it and how, and whether the connection takes another request."""
    with Connection(port) as connection:
        connection.socket.settimeout(WAIT_S)
        with contextlib.suppress(ConnectionError):
            connection.socket.sendall(request)
        if ending == "held open":
            return f"{longest_wait_s(port):.0f} s"
        if ending == "half-closed":
            connection.end_sending()
        try:
            answer = connection.read_answer(has_body=not request.startswith(b"HEAD "))
        except TimeoutError:
            return "100, then no answer" if connection.statuses else "no answer"
        except OSError:
            return "answer without a head, closed" if connection.received else "closed without an answer"
        text = f"{'app' if answer.headers.get('content-type') in APP_TYPES else 'server'} {answer.status}"
        if ending:
            return text
        try:
            is_kept = answer.headers.get("connection") != "close" and bool(connection.ask(message("GET", "/livez"), WAIT_S))
        except OSError:
            is_kept = False
        return f"{text}, {'kept' if is_kept else 'closed'}"


def longest_wait_s(port: int) -> float:
    """Ask on fresh connections for a while and return how long the slowest answer took."""
    waits_s, end_s = [], time.monotonic() + HELD_OPEN_S
    while time.monotonic() < end_s:
        start_s = time.monotonic()
        with Connection(port) as other, contextlib.suppress(TimeoutError):
            other.ask(message("GET", "/livez"), HELD_OPEN_S)
        waits_s.append(time.monotonic() - start_s)
    return max(waits_s)


def main() -> None:
    """Observe every case on every server, one server at a time, and rewrite the table."""
    rows = {label: [f"| {label} |"] for label in CASES}
    for name in SERVERS.values():
        port = free_port()
        command = command_line(name, port) if name in COMMANDS else [f"{BIN}/flask", "--app", "flask_app", "run", "--port", str(port)]
        with tempfile.TemporaryDirectory() as folder, running(name, Path(folder), command=command, port=port):
            for label, case in CASES.items():
                request, ending = case if isinstance(case, tuple) else (case, "")
                rows[label].append(f" {observe(port, request, ending) if request else ''} |")
    head = f"| what is sent | {' | '.join(SERVERS)} |\n|{' --- |' * (len(SERVERS) + 1)}\n"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + BEGIN + head + "".join("".join(row) + "\n" for row in rows.values()) + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
