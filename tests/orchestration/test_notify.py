"""Who is told: a real HTTP server and a real SMTP server on loopback, and both may fail."""

import asyncio
import json
import socketserver
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from kpi_gate.orchestration import notify
from kpi_gate.record.ledger import Ledger
from kpi_gate.run.context import Run
from kpi_gate.watch.alerts import Notice
from kpi_gate.workspace import Workspace

AT = datetime(2024, 3, 1, 3, tzinfo=UTC)
NOTICE = Notice("toy", "reject", "toy: REJECT", "It loses money.\n- gain below zero", AT)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(notify, "PAUSE_SECONDS", 0.0)


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def webhook(answers=()):
    """Serve a webhook; it gives these answers first, and 204 after them."""
    got, left = [], list(answers)

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(left.pop(0) if left else 204)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    with serving(HTTPServer(("127.0.0.1", 0), Hook)) as port:
        yield f"http://user:secret@127.0.0.1:{port}/hook/T0KEN?key=secret", got


@contextmanager
def mailbox(refuse=""):
    """Serve SMTP, as much of it as one message needs; refuse a recipient where one is named."""
    got = []

    class Mail(socketserver.StreamRequestHandler):
        def handle(self):
            self.say("220 here")
            for line in iter(self.rfile.readline, b""):
                word = line.decode().strip().lower()
                if word == "data":
                    self.say("354 go on")
                    lines = iter(self.rfile.readline, b".\r\n")
                    got.append(b"".join(lines).decode().replace("\r\n", "\n"))
                refused = refuse and word.startswith("rcpt to") and refuse in word
                self.say("550 nobody" if refused else "221 bye" if word == "quit" else "250 ok")
                if word == "quit":
                    return

        def say(self, words):
            self.wfile.write(f"{words}\r\n".encode())

    with serving(socketserver.TCPServer(("127.0.0.1", 0), Mail)) as port:
        yield port, got


def test_a_webhook_is_sent_what_happened():
    with webhook() as (address, got):
        said = []
        notify.tell(Workspace(notify_webhooks=address), [NOTICE], said.append)
    assert got == [
        {
            "use_case": "toy",
            "kind": "reject",
            "subject": "toy: REJECT",
            "text": "It loses money.\n- gain below zero",
            "at": "2024-03-01T03:00:00+00:00",
        }
    ]
    assert said == []


def test_a_hook_that_fails_twice_is_told_the_third_time():
    with webhook([500, 503]) as (address, got):
        said = []
        notify.tell(Workspace(notify_webhooks=address), [NOTICE], said.append)
    assert (len(got), said) == (3, [])


def test_a_hook_that_goes_on_failing_is_logged_without_its_secrets_and_the_next_is_told():
    with webhook([500] * 3) as (broken, tried), webhook() as (sound, got):
        said = []
        both = Workspace(notify_webhooks=f"{broken}, {sound}")
        notify.tell(both, [NOTICE], said.append)
    assert (len(tried), len(got)) == (3, 1)
    (words,) = said
    port = broken.partition("127.0.0.1:")[2].partition("/")[0]
    assert words == f"http://127.0.0.1:{port}/… was not told, tried 3 times: HTTP 500"


def test_a_hook_that_is_not_there_is_logged():
    with webhook() as (address, _):
        pass  # it was, and its port is free now
    said = []
    notify.tell(Workspace(notify_webhooks=address), [NOTICE], said.append)
    assert "ConnectError" in said[0]
    assert "secret" not in said[0]
    assert "T0KEN" not in said[0]


def test_an_email_arrives_with_its_subject_and_all_its_lines():
    from kpi_gate.orchestration.email_block import EmailNotification

    with mailbox() as (port, got):
        block = EmailNotification(
            host="127.0.0.1", port=port, starttls=False, sender="a@x.org", recipients=["b@x.org"]
        )
        asyncio.run(block.notify(NOTICE.text, NOTICE.subject))
    (message,) = got
    assert "Subject: toy: REJECT\n" in message
    assert "To: b@x.org\n" in message
    assert message.endswith("\nIt loses money.\n- gain below zero\n")


def test_a_recipient_that_is_refused_is_an_error_although_another_is_not():
    from prefect.blocks.abstract import NotificationError

    from kpi_gate.orchestration.email_block import EmailNotification

    with mailbox(refuse="nobody") as (port, _):
        block = EmailNotification(
            host="127.0.0.1",
            port=port,
            starttls=False,
            sender="a@x.org",
            recipients=["b@x.org", "nobody@x.org"],
        )
        with pytest.raises(
            NotificationError, match=r"SMTPRecipientsRefused.*nobody@x\.org"
        ) as told:
            asyncio.run(block.notify("text", "subject"))
    assert f"127.0.0.1:{port}" in told.value.log


def test_a_password_is_never_sent_unencrypted():
    from prefect.blocks.abstract import NotificationError

    from kpi_gate.orchestration.email_block import EmailNotification

    with mailbox() as (port, got):
        block = EmailNotification(
            host="127.0.0.1",
            port=port,
            starttls=False,
            sender="a@x.org",
            recipients=["b@x.org"],
            username="a",
            password="hidden",  # noqa: S106  (a test's)
        )
        with pytest.raises(NotificationError, match="set starttls"):
            asyncio.run(block.notify("text", "subject"))
    assert got == []


def test_what_a_run_adds_to_the_ledger_is_told_even_where_it_fails(tmp_path):
    with webhook() as (address, got):
        workspace = Workspace(ledger_url=f"sqlite:///{tmp_path}/ledger.db", notify_webhooks=address)
        ledger = Ledger(workspace.ledger_url)
        ledger.append("toy", "rollback", "old", {"version": "v1", "from": "v2", "reason": "before"})

        def run():
            with notify.telling(
                Run(SimpleNamespace(name="toy"), datetime.now(UTC), workspace), print
            ):
                ledger.append("toy", "done", "new", {"version": "v2", "from": "", "forced": ""})
                ledger.append("other", "done", "new", {"version": "v7", "from": "", "forced": ""})
                raise ValueError("a bug")

        with pytest.raises(ValueError, match="a bug"):
            run()
    assert [told["subject"] for told in got] == ["toy: v2 is champion now, after the rule of thumb"]


def test_each_silence_is_told_once_until_it_is_broken(tmp_path, monkeypatch):
    from kpi_gate.orchestration import missed_runs
    from kpi_gate.usecase import discovery

    name = discovery.names()[0]
    days = iter([1, 1000, 1001, 1, 1002])
    monkeypatch.setattr(discovery, "names", lambda: [name])
    monkeypatch.setattr(missed_runs, "now", lambda: datetime.now(UTC) + timedelta(days=next(days)))
    monkeypatch.setattr(missed_runs, "LOOK_SECONDS", 0.0)
    with webhook() as (address, got):
        workspace = Workspace(ledger_url=f"sqlite:///{tmp_path}/ledger.db", notify_webhooks=address)
        Ledger(workspace.ledger_url).append(name, "decision", "d1", {"verdict": "HOLD"})
        stop = threading.Event()
        looks = iter([False] * 5 + [True])
        monkeypatch.setattr(stop, "is_set", lambda: next(looks))
        missed_runs.watch(workspace, pytest.fail, stop)
    assert [told["kind"] for told in got] == ["silence", "silence"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"notify_webhooks": "hooks.example.org/x"}, "must be http"),
        ({"notify_webhooks": "http://ok.example.org,ftp://no.example.org"}, "must be http"),
        ({"notify_blocks": "team"}, "must be KIND/NAME"),
    ],
)
def test_a_hook_that_cannot_be_one_is_refused_at_once(given, words):
    with pytest.raises(ValueError, match=words):
        Workspace(**given)
