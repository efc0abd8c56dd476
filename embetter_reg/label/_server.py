"""The server: open to this machine, and to others with a token; a limit on how many
pages are open at once.
"""

import hmac
import secrets
import signal
import socket
import unicodedata
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote, urlencode

from bokeh.application import Application
from bokeh.application.handlers import FunctionHandler
from bokeh.document import Document
from bokeh.events import DocumentReady
from bokeh.server.auth_provider import AuthProvider
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from bokeh.server.util import bind_sockets
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Finish, HTTPError, RequestHandler, authenticated

from embetter_reg.label._export import export_labels
from embetter_reg.label._options import check_port
from embetter_reg.label._page import MAX_SHOWN, Page
from embetter_reg.label._workspace import Workspace

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_PAGES = 50
# Pages that were asked for and whose browser has not connected yet. Each takes a part
# of a second to make, in which nobody else is served.
_MAX_OPENING = 8
_LARGEST_IMPORT = 512 * 2**20
_LOGIN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Label</title>
<meta name="viewport" content="width=device-width">
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 28em; margin: 15vh auto;
  padding: 0 1em }}
h1 {{ font-size: 20px }} input {{ padding: 6px; width: 16em }}
button {{ padding: 6px 14px }}
</style>
<h1>Label</h1><p>{message}</p>
<form method="post">
<input name="token" type="password" autofocus aria-label="Token">
<button>Open</button></form></html>"""
_FULL = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Label</title>
<meta http-equiv="refresh" content="3">
<p style="font: 15px/1.5 system-ui, sans-serif; margin: 15vh auto; max-width: 28em">
Too many pages are open or being opened. This one tries again in three seconds.</p>
</html>"""
_CSV = "text/csv; charset=utf-8"
_EXPORTS = {
    "labels.jsonl": ("jsonl", "application/x-ndjson"),
    "labels.csv": ("csv", _CSV),
    "bulk.csv": ("bulk", _CSV),
}
_ASKING = "This page asks for the token that the server printed when it started."
_WRONG = "That is not the token that the server printed."


class LabelServer:
    """A server of one workspace; ``address`` is what to open in a browser.

    Parameters
    ----------
    work : Workspace
    port : int
        0 takes a free one.
    address : str
        Where to listen. Any other than loopback asks for a token.
    token : str or None
        None makes one where one is needed.
    origins : sequence of str
        More ``host:port`` at which browsers may open the page, such as that of a proxy.
    max_shown : int
        Documents that go to the browser.
    max_pages : int
        Pages that may be open at once; others are answered with status 503.

    Raises
    ------
    OSError
        If the port is taken, or the address is not one of this machine.
    ValueError
        If the port is no port.

    """

    def __init__(
        self,
        work: Workspace,
        *,
        port: int = 5006,
        address: str = "127.0.0.1",
        token: str | None = None,
        origins: Sequence[str] = (),
        max_shown: int = MAX_SHOWN,
        max_pages: int = MAX_PAGES,
    ):
        check_port(port)
        self.work = work
        self.token = token
        if not token and address not in LOOPBACK:
            self.token = secrets.token_urlsafe(16)

        try:
            sockets, self.port = bind_sockets(address, port)
        except OSError as error:
            raise OSError(
                f"got port {port}, which cannot be used at {address} "
                f"({error.strerror}), expected a free one; pass another --port"
            ) from error
        names = {*LOOPBACK, address}
        if address not in LOOPBACK:
            names |= _own_names()
        allowed = {f"{_bracketed(name)}:{self.port}" for name in names} | set(origins)
        door = _Door(self.token, allowed, max_pages)

        def fill(document: Document) -> None:
            context: Any = document.session_context
            document.on_event(DocumentReady, lambda _: door.connected.add(context.id))
            Page(work, _person(context.request), document, max_shown=max_shown)

        application = BokehTornado(
            {"/": Application(FunctionHandler(fill))},
            extra_websocket_origins=sorted(allowed),
            auth_provider=door,
            extra_patterns=[
                (
                    r"/export/(labels\.jsonl|labels\.csv|bulk\.csv)",
                    _Export,
                    {"work": work},
                )
            ],
            # A session belongs to the page that opened it: nobody can make up the name of one.
            sign_sessions=True,
            secret_key=secrets.token_hex(32).encode(),
            websocket_max_message_size_bytes=_LARGEST_IMPORT,
        )
        door.application = application
        http = HTTPServer(application)
        http.add_sockets(sockets)
        self.server = BaseServer(IOLoop.current(), application, http)
        host = address
        if address in ("0.0.0.0", "::", ""):
            host = socket.gethostname()
        self.address = f"http://{_bracketed(host)}:{self.port}/"
        if self.token:
            self.address += f"login?{urlencode({'token': self.token})}"

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM, and then stop at once: an action that is being
        written is on disk whole or not at all.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _stop)
        try:
            self.server.start()
            self.server.io_loop.start()
        except _Stopped:
            pass
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            self.work.stop_tuning()
            self.server.stop(wait=False)


class _Stopped(KeyboardInterrupt):
    """Ends the event loop in the middle of what it does: a callback in its queue would
    come after all the pages that others have asked for.
    """


def _stop(*_: Any) -> None:
    raise _Stopped


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _own_names() -> set[str]:
    name = socket.gethostname()
    try:
        return {
            name.lower(),
            socket.getfqdn().lower(),
            *socket.gethostbyname_ex(name)[2],
        }
    except OSError:
        return {name.lower()}


_PERSON = "embetter_reg_person"
_TOKEN = "embetter_reg_token"


def _person(request: Any) -> str:
    """Return who asked for a page; cookies hold the name in ASCII."""
    if request is None:
        return ""
    return unquote(request.cookies.get(_PERSON, ""))


class _Door(AuthProvider):
    """Lets in whoever has the token, gives everyone a name to be distinguished by, and
    bounds the number of pages.
    """

    def __init__(self, token: str | None, allowed: set[str], max_pages: int):
        self.token = token
        self.allowed = allowed
        self.max_pages = max_pages
        self.application: BokehTornado | None = None
        self.connected: set[str] = set()
        super().__init__()

    @property
    def get_user(self):
        return self._user

    @property
    def login_url(self):
        return "/login"

    @property
    def login_handler(self):
        return type("Login", (_Login,), {"token": self.token})

    get_user_async = get_login_url = logout_url = logout_handler = None

    def _user(self, handler: RequestHandler) -> str | None:
        host = handler.request.host
        if host.lower() not in self.allowed:  # a foreign page that points its name here
            raise HTTPError(
                403, log_message=f"{host} is no allowed address; see --allow-origin"
            )
        if self.token is not None and not _same(handler.get_cookie(_TOKEN), self.token):
            return None
        if handler.request.path in ("/", "/autoload.js"):
            self._check_room(handler)
        return _named(handler)

    def _check_room(self, handler: RequestHandler) -> None:
        """Refuse a page where too many are open, or are being opened."""
        assert self.application is not None
        context = self.application.applications["/"]
        sessions = {session.id: session for session in context.sessions}
        self.connected &= sessions.keys()
        n_opening = len(sessions) - len(self.connected)
        if len(sessions) >= self.max_pages or n_opening >= _MAX_OPENING:
            handler.set_status(503)
            handler.set_header("Retry-After", "3")
            handler.finish(_FULL)
            raise Finish


def _same(value: str | None, token: str) -> bool:
    return hmac.compare_digest((value or "").encode(), token.encode())


def _named(handler: RequestHandler) -> str:
    """Return who somebody is: the name in the address, or the one that an earlier visit
    left, or a new one.
    """
    before = handler.get_cookie(_PERSON)
    name = _clean(handler.get_argument("name", "")) or unquote(before or "")
    if not name:
        name = f"guest-{secrets.token_hex(2)}"
    if quote(name) != before and not handler.request.headers.get("Upgrade"):
        cookie = quote(name)
        handler.set_cookie(
            _PERSON, cookie, httponly=True, samesite="Strict", expires_days=365
        )
        cookies: Any = handler.request.cookies
        cookies[_PERSON] = cookie
    return name


def _clean(name: str) -> str:
    """Return a name in any script, of at most 40 characters."""
    composed = unicodedata.normalize("NFC", name)
    return "".join(c for c in composed if c.isprintable()).strip()[:40]


class _Login(RequestHandler):
    """Asks for the token, or takes it from the address."""

    token: str | None = None

    def get(self) -> None:
        token = self.get_argument("token", "")
        if token or self.token is None:
            self._check(token)
        else:
            self.write(_LOGIN.format(message=_ASKING))

    def post(self) -> None:
        self._check(self.get_body_argument("token", ""))

    def _check(self, token: str) -> None:
        if self.token is not None and not _same(token, self.token):
            self.set_status(403)
            self.write(_LOGIN.format(message=_WRONG))
            return
        if self.token is not None:
            self.set_cookie(_TOKEN, self.token, httponly=True, samesite="Strict")
        self.redirect("/")


class _Export(AuthRequestHandler):
    """Hands out the labels as a file."""

    def initialize(self, work: Workspace) -> None:
        self.work = work

    @authenticated
    def get(self, name: str) -> None:
        kind, content_type = _EXPORTS[name]
        self.work.log.refresh()
        self.set_header("Content-Type", content_type)
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.set_header("X-Content-Type-Options", "nosniff")
        self.write(export_labels(self.work, kind))
