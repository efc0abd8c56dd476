"""The server: loopback without more ado, other addresses with a token."""

import hmac
import secrets
import signal
import socket
from typing import Any
from urllib.parse import urlencode

from bokeh.application import Application
from bokeh.application.handlers import FunctionHandler
from bokeh.server.auth_provider import AuthProvider
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from bokeh.server.util import bind_sockets
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import HTTPError, RequestHandler, authenticated

from embetter_reg.label._export import export_labels
from embetter_reg.label._page import MAX_SHOWN, Page
from embetter_reg.label._workspace import Workspace

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LARGEST_IMPORT = 512 * 2**20
_LOGIN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Label</title>
<meta name="viewport" content="width=device-width">
<body style="font:15px/1.5 system-ui,sans-serif;max-width:28em;margin:15vh auto;padding:0 1em">
<h1 style="font-size:20px">Label</h1><p>{message}</p>
<form method="post"><input name="token" type="password" autofocus aria-label="Token" style="padding:6px;width:16em">
<button style="padding:6px 14px">Open</button></form></body></html>"""


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

    Raises
    ------
    OSError
        If the port is taken.

    """

    def __init__(
        self,
        work: Workspace,
        *,
        port: int = 5006,
        address: str = "127.0.0.1",
        token: str | None = None,
        origins=(),
        max_shown: int = MAX_SHOWN,
    ):
        self.work = work
        self.token = token or (
            None if address in LOOPBACK else secrets.token_urlsafe(16)
        )

        def fill(document) -> None:
            context = document.session_context
            Page(work, _person(context.request), document, max_shown=max_shown)

        try:
            sockets, self.port = bind_sockets(address, port)
        except OSError as error:
            raise OSError(
                f"got port {port}, which cannot be used ({error.strerror}); pass "
                "another --port"
            ) from error
        names = {*LOOPBACK, address, *(() if address in LOOPBACK else _own_names())}
        allowed = {f"{_bracketed(name)}:{self.port}" for name in names} | set(origins)
        application = BokehTornado(
            {"/": Application(FunctionHandler(fill))},
            extra_websocket_origins=sorted(allowed),
            auth_provider=_Door(self.token, allowed),
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
        http = HTTPServer(application)
        http.add_sockets(sockets)
        self.server = BaseServer(IOLoop.current(), application, http)
        host = socket.gethostname() if address in ("0.0.0.0", "::", "") else address
        asks = f"login?{urlencode({'token': self.token})}" if self.token else ""
        self.address = f"http://{_bracketed(host)}:{self.port}/{asks}"

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM."""
        loop = self.server.io_loop
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: loop.add_callback(loop.stop))
        self.server.start()
        try:
            loop.start()
        finally:
            self.work.stop_tuning()
            self.server.stop(wait=False)


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


def _person(request) -> str:
    return request.cookies.get(_PERSON, "") if request is not None else ""


_PERSON, _TOKEN = "embetter_reg_person", "embetter_reg_token"


class _Door(AuthProvider):
    """Lets in whoever knows the token, and gives everyone a name to be told apart by."""

    def __init__(self, token: str | None, allowed: set[str]):
        self.token, self.allowed = token, allowed
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
        if (
            handler.request.host.lower() not in self.allowed
        ):  # a foreign page that points its own name here
            raise HTTPError(
                403,
                log_message=f"{handler.request.host} is no allowed address; see --allow-origin",
            )
        if self.token is not None and not _same(handler.get_cookie(_TOKEN), self.token):
            return None
        return _named(handler)


def _same(given: str | None, token: str) -> bool:
    return hmac.compare_digest((given or "").encode(), token.encode())


def _named(handler: RequestHandler) -> str:
    """Return who somebody is: the name in the address, or the one that an earlier visit
    left, or a new one.
    """
    wanted = "".join(
        c
        for c in handler.get_argument("name", "")
        if c.isprintable() and c not in ';,"\\ '
    )[:40]
    wanted = wanted.encode("ascii", "ignore").decode()
    name = wanted or handler.get_cookie(_PERSON) or f"guest-{secrets.token_hex(2)}"
    if name != handler.get_cookie(_PERSON) and not handler.request.headers.get(
        "Upgrade"
    ):
        handler.set_cookie(
            _PERSON, name, httponly=True, samesite="Strict", expires_days=365
        )
        cookies: Any = handler.request.cookies
        cookies[_PERSON] = name
    return name


class _Login(RequestHandler):
    """Asks for the token, or takes it from the address."""

    token: str | None = None

    def get(self) -> None:
        given = self.get_argument("token", "")
        if given or self.token is None:
            self._check(given)
        else:
            self.write(
                _LOGIN.format(
                    message="This page asks for the token that the server printed when it started."
                )
            )

    def post(self) -> None:
        self._check(self.get_body_argument("token", ""))

    def _check(self, given: str) -> None:
        if self.token is not None and not _same(given, self.token):
            self.set_status(403)
            self.write(
                _LOGIN.format(message="That is not the token that the server printed.")
            )
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
        kind = {"labels.jsonl": "jsonl", "labels.csv": "csv", "bulk.csv": "bulk"}[name]
        self.work.log.refresh()
        self.set_header(
            "Content-Type",
            "application/x-ndjson" if kind == "jsonl" else "text/csv; charset=utf-8",
        )
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.set_header("X-Content-Type-Options", "nosniff")
        self.write(export_labels(self.work, kind))
