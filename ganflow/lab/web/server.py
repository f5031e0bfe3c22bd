"""Who is let in, and what is answered: a WSGI application over a `Trainer`.

Every address begins with a token that only the one line on the terminal tells. A request is refused
that names another host (a rebound name) or comes from another site's page, whatever its token.
"""

import hmac
import ipaddress
import json
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from urllib.parse import urlsplit

from werkzeug.exceptions import (
    BadRequest,
    Forbidden,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)
from werkzeug.wrappers import Request, Response

from ganflow.base.errors import GanflowError
from ganflow.lab.web import commands, wire
from ganflow.lab.web.trainer import Trainer

MOST_BYTES = 2**20  # of a request's body
PATIENCE_SECONDS = 1.0  # after which a page that waits is told that the lab is alive
_SAMPLERS = 8  # that are shown at once
_PAGE = Path(__file__).parent / "page"
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_FILES = {path.name: path for path in sorted(_PAGE.iterdir()) if path.suffix in _KINDS}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Server:
    """The application."""

    def __init__(self, trainer: Future[Trainer], token: str, host: str, port: int):
        """Args:
        trainer: is shown, and obeys; until it is there, whoever asks for it waits.
        token: with which every path has to begin.
        host: the address that is listened on.
        port: likewise.
        """
        self._built, self._token, self._port = trainer, token, port
        self._is_local = is_loopback(host)

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        try:
            response = self._answer(request)
        except HTTPException as error:
            text = f"{error.code}: {error.description}\n"
            response = Response(text, error.code, content_type="text/plain; charset=utf-8")
        for name, value in _HEADERS.items():
            response.headers[name] = value
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        token, _, path = request.path.lstrip("/").partition("/")
        self._refuse_strangers(request, token)
        if path == "command":
            return self._command(request)
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(["GET", "HEAD"], "this address is only read")
        if path == "about":
            return _json(self._built.result().about)
        if path == "state":
            return self._state(request)
        file = _FILES.get(path or "index.html")
        if file is None:
            raise NotFound("there is nothing here")
        kind = f"{_KINDS[file.suffix]}; charset=utf-8"
        return Response(file.read_bytes(), content_type=kind)

    def _refuse_strangers(self, request: Request, token: str) -> None:
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            raise Forbidden("this address lacks the token that the lab has printed")
        host = request.environ.get("HTTP_HOST", "")
        if not self._is_own(host):
            raise Forbidden("the lab does not answer to this host name")
        origin = request.headers.get("Origin")
        site = request.headers.get("Sec-Fetch-Site", "none")
        if (origin is not None and origin != f"http://{host}") or site not in (
            "none",
            "same-origin",
        ):
            raise Forbidden("the lab does not answer to pages of other sites")

    def _is_own(self, host: str) -> bool:
        """Whether a Host header is this server's; a name that was rebound to it is not."""
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return False
        if port != self._port:
            return False
        if name == "localhost" or is_loopback(name):
            return True
        return not self._is_local and (_is_address(name) or name == socket.gethostname().lower())

    def _command(self, request: Request) -> Response:
        if request.method != "POST":
            raise MethodNotAllowed(["POST"], "commands are posted")
        if request.mimetype != "application/json":
            raise UnsupportedMediaType("commands are application/json")
        if (request.content_length or 0) > MOST_BYTES:
            raise RequestEntityTooLarge(f"a command has at most {MOST_BYTES:,} bytes")
        request.max_content_length = MOST_BYTES
        try:
            command = json.loads(request.get_data(cache=False))
        except (ValueError, RecursionError) as error:
            raise BadRequest("a command is JSON") from error
        try:
            return _json(commands.obey(self._built.result(), command))
        except GanflowError as error:
            return _json({"error": str(error), "exit_code": error.exit_code}, 409)

    def _state(self, request: Request) -> Response:
        asked = request.args
        versions = ("after", "weights_version", "numbers_version")
        after, known, known_numbers = (_number(asked.get(name, "0")) for name in versions)
        samplers = [_number(word) for word in asked.get("samplers", "0").split(",")][:_SAMPLERS]
        weights = asked.get("weights") == "1"
        trainer = self._built.result()
        found = dict(trainer.frame(after, samplers, weights, PATIENCE_SECONDS))
        found.pop("has", None)
        if found.get("looks"):
            found["looks"] = {k: v for k, v in found["looks"].items() if k in samplers}
        if not weights or found.get("weights_version") == known:
            found.pop("weights", None)
        if found.get("numbers_version") == known_numbers:
            del found["curves"], found["rates"]
        return _json(found)


def _json(value: dict, status: int = 200) -> Response:
    return Response(wire.encoded(value), status, content_type="application/json")


def _number(word: str) -> int:
    if not (word.isascii() and word.isdecimal()) or len(word) > 15:
        raise BadRequest("expected a whole number")
    return int(word)


def is_loopback(host: str) -> bool:
    """Whether an address, or localhost, is one of this machine alone."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
