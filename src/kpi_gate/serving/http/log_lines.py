"""What the server writes of itself: JSON, a line an event, without anything of a row."""

import logging
import re
import secrets
import time
from datetime import UTC, datetime
from typing import Any

import orjson

from kpi_gate.serving.http.asgi import App, Message, Receive, Scope, Send, Watched, header, route_of

ID_HEADER = b"x-request-id"
SLOW_SECONDS = 1.0
LONGEST = 2_000  # letters of a text
_SOUND_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}
logger = logging.getLogger("kpi_gate.serving")


class JsonLines(logging.Formatter):
    """Write records as JSON; what was given as `extra` are its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage()[:LONGEST],
            "pid": record.process,
        }
        for name, value in vars(record).items():
            if name not in _USUAL and not name.startswith("_"):
                line[name] = value if isinstance(value, int | float) else str(value)[:LONGEST]
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _where(record.exc_info[1])
        return orjson.dumps(line, option=orjson.OPT_NON_STR_KEYS).decode()


def _where(error: BaseException) -> str:
    """Return kind and place of an error; its words may quote a row."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return " < ".join([type(error).__name__, *reversed(places[-8:])])


def write_json_lines(level: int = logging.INFO) -> None:
    """Let this process write what it has to say to stderr, as JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        # its line of each request has the caller's address; `Told` says what is worth saying
        logging.getLogger(name).propagate = name != "uvicorn.access"


class Told:
    """An ASGI app that gives each request an id, and logs those that fail or are slow.

    Attributes:
        every: Whether the others are logged, too.
    """

    def __init__(self, app: App, *, every: bool = False) -> None:
        self.app, self.every = app, every

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = header(scope, ID_HEADER)
        name = given if _SOUND_ID.fullmatch(given) else secrets.token_hex(8)
        head = (ID_HEADER, name.encode())
        state = scope.setdefault("state", {})
        state["request_id"] = name
        start, seen = time.perf_counter(), Watched(send)

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), head]
            await seen(message)

        try:
            await self.app(scope, receive, named)
        finally:
            seconds = time.perf_counter() - start
            if self.every or seen.status >= 400 or seconds > SLOW_SECONDS:
                self._tell(scope, name, seen.status, seconds)

    def _tell(self, scope: Scope, name: str, status: int, seconds: float) -> None:
        route, use_case = route_of(scope["path"])
        logger.log(
            logging.WARNING if status >= 500 else logging.INFO,
            "request",
            extra={
                "request": name,
                "method": scope["method"],
                "route": route,
                "use_case": use_case[:80],
                "status": status,
                "ms": round(seconds * 1000, 3),
                "key": scope["state"].get("key", ""),
            },
        )
