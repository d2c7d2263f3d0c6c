"""A request's body as a file that a thread reads, piece by piece: no upload is ever held in memory."""

from __future__ import annotations

import asyncio
import io
from typing import Any
from weakref import WeakSet

import anyio
import anyio.from_thread
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from data.errors import BadInput, Conflict, TooLarge, WellplateError

MB = 1024 * 1024
#: A sender that is silent for so long is gone: its network ended without a word, and it would hold a thread for ever.
SILENT_S = 600.0

_reading: WeakSet[BodyReader] = WeakSet()


def stop() -> None:
    """End all bodies that are still coming: a server that stops waits for its open requests. Also from a signal."""
    for body in list(_reading):
        if not body._loop.is_closed():
            body._loop.call_soon_threadsafe(body.end, Stopping("The server stops; an upload goes on later."))


class Stopping(WellplateError):
    kind, status = "stopping", 503


class Silent(WellplateError):
    kind, status = "timeout", 408


class BodyReader(io.RawIOBase):
    """The raw body. Read it in a thread started by `anyio.to_thread` from the request's event loop."""

    def __init__(self, request: Request, limit_mb: int) -> None:
        super().__init__()
        self._chunks = request.stream()
        self._limit_mb = limit_mb
        self._left = limit_mb * MB
        self._buffer = b""
        self._loop = asyncio.get_running_loop()
        self._ended: WellplateError | None = None
        self._pulling: anyio.CancelScope | None = None
        _reading.add(self)
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._left:
            raise self._too_large()

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        view = memoryview(target).cast("B")
        while not self._buffer:
            chunk = self.next_chunk()
            if chunk is None:
                return 0
            self._buffer = chunk
        count = min(len(view), len(self._buffer))
        view[:count] = self._buffer[:count]
        self._buffer = self._buffer[count:]
        return count

    def next_chunk(self) -> bytes | None:
        """The next piece as it came from the network; None at the end."""
        try:
            chunk = anyio.from_thread.run(self._pull)
        except ClientDisconnect as error:
            raise BadInput("The upload broke off. Send the file again.") from error
        if chunk is None:
            return None
        self._left -= len(chunk)
        if self._left < 0:
            raise self._too_large()
        return chunk

    def interrupt(self) -> None:
        """End the reading, from any thread, also while it waits for a sender that has gone without a word."""
        self._loop.call_soon_threadsafe(self.end, Conflict("Another request goes on with this upload."))

    def end(self, reason: WellplateError) -> None:
        """End the reading, in the event loop."""
        self._ended = reason
        if self._pulling is not None:
            self._pulling.cancel()

    async def _pull(self) -> bytes | None:
        with anyio.move_on_after(SILENT_S) as self._pulling:
            if self._ended is None:
                return await anext(self._chunks, None)
        raise self._ended or Silent("Nothing came for too long, so the upload was ended here. Send it again.")

    def _too_large(self) -> TooLarge:
        return TooLarge(f"A file may have at most {self._limit_mb} MB here.")


class MultipartReader(io.RawIOBase):
    """The first file of a multipart body; other parts are passed over."""

    def __init__(self, body: BodyReader, content_type: str) -> None:
        super().__init__()
        self._body = body
        self._ready = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._header = (b"", b"")
        #: The person's file name, once its part has begun.
        self.name: str | None = None
        self._inside = self._ended = False
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise BadInput("Send the file as multipart/form-data, in a field named file.", field="file")
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
            },
        )

    def open(self) -> str:
        """Read up to the file's first byte; its name. Raises BadInput where there is no file."""
        while self.name is None:
            if not self._feed():
                raise BadInput("There is no file in the request.", field="file")
        return self.name

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        view = memoryview(target).cast("B")
        while not self._ready and not self._ended:
            if not self._feed():
                raise BadInput("The upload broke off. Send the file again.")
        count = min(len(view), len(self._ready))
        view[:count] = self._ready[:count]
        del self._ready[:count]
        return count

    def _feed(self) -> bool:
        chunk = self._body.next_chunk()
        if chunk is None:
            return False
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise BadInput(f"The multipart body is malformed: {error}.") from error
        return True

    def _on_part_begin(self) -> None:
        self._headers = {}

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0] + data[start:end], self._header[1])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0], self._header[1] + data[start:end])

    def _on_header_end(self) -> None:
        self._headers[self._header[0].lower()] = self._header[1]
        self._header = (b"", b"")

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if self.name is None and b"filename" in options:
            self.name = options[b"filename"].decode("utf-8", "replace")
            self._inside = True

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self._ready += data[start:end]

    def _on_part_end(self) -> None:
        self._ended = self._ended or self._inside
        self._inside = False
