"""A protocol for uvicorn that ignores an offer to switch to HTTP/2, as a server may (RFC 9110, 7.8).

Java's and Spring's default clients make that offer (`Upgrade: h2c`) with every request on a plain connection. httptools, and so uvicorn's
own protocol, takes such a request for the last one of its connection and never delivers its body (Kludex/uvicorn#2722). When that is
fixed, this file can go.
"""

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

OFFERS = {b"upgrade", b"http2-settings"}


class DecliningProtocol(HttpToolsProtocol):
    """Reads a request that offers to switch to anything but WebSocket once more, without the offer."""

    def data_received(self, data: bytes) -> None:
        """Read the received bytes; each turn of the loop removes one offer."""
        self._unset_keepalive_if_required()
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserError:
                self.logger.warning("Invalid HTTP request received.")
                self.send_400_response("Invalid HTTP request received.")
            except httptools.HttpParserUpgrade as upgrade:
                if self._is_declined():
                    data = self._head_without_offer() + data[upgrade.args[0] :]
                    self.parser = httptools.HttpRequestParser(self)
                    continue
                if self._should_upgrade():
                    self.handle_websocket_upgrade()
            return

    def on_headers_complete(self) -> None:
        """Begin the answer, unless the request will be read once more."""
        if not self._is_declined():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the body, unless the request will be read once more."""
        if not self._is_declined():
            super().on_message_complete()

    def _is_declined(self) -> bool:
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT" and not self._should_upgrade()

    def _head_without_offer(self) -> bytes:
        fields = [(name, _without_offers(value) if name == b"connection" else value) for name, value in self.headers if name not in OFFERS]
        line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        return line + b"".join(b"%b: %b\r\n" % field for field in fields) + b"\r\n"


def _without_offers(connection: bytes) -> bytes:
    tokens = (token.strip() for token in connection.split(b","))
    return b", ".join(token for token in tokens if token.lower() not in OFFERS)
