"""The server's end of the process in which models and functions run that need pandas.

Rows that wait while it is at work are sent together: one call on many rows costs about as much as
one on a single row.
"""

import asyncio
import os
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from kpi_gate.serving.errors import ProcessError
from kpi_gate.serving.messages import HEAD, packed

MOST_ROWS = 1_000  # of one call
START_SECONDS, CALL_SECONDS = 120.0, 20.0
_PAUSE_SECONDS = 1.0  # before what ended at once is started again


class Waiting(NamedTuple):
    """Rows that wait for an answer.

    Attributes:
        do: What is asked: `decide` or `rule`.
        key: Of which version.
        rows: The rows.
        answer: Where the answer goes.
    """

    do: str
    key: str
    rows: Sequence[Mapping[str, Any]]
    answer: "asyncio.Future[dict[str, Any]]"


class ProcessClient:
    """Starts the process when it is first needed, and again when it has ended.

    Args:
        root: Folder of the project, where its code is found.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: asyncio.subprocess.Process | None = None
        self._loaded: dict[str, tuple[str, str]] = {}
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._queue: deque[Waiting] = deque()
        self._number, self._some, self._starting = 0, asyncio.Event(), asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def pid(self) -> int | None:
        """Number of the process; None where none was needed yet."""
        return None if self._process is None else self._process.pid

    def holds(self, key: str) -> bool:
        """Tell whether a version is loaded."""
        return key in self._loaded

    async def load(self, key: str, folder: str, use_case: str) -> str:
        """Load a version; return what is wrong with it, and nothing where it is right.

        Args:
            key: What it is called from now on.
            folder: Its export; empty for the rule of thumb alone.
            use_case: Whose it is.
        """
        try:
            fault = await self._load(key, folder, use_case)
        except ProcessError as error:
            return str(error)
        if not fault:
            self._loaded[key] = (folder, use_case)
        return fault

    async def unload(self, key: str) -> None:
        """Forget a version."""
        if self._loaded.pop(key, None) is not None and self._process is not None:
            with suppress(ProcessError):
                await self._ask("unload", {"key": key}, CALL_SECONDS)

    async def decide(self, key: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return lists of score, action, propensity, level and fault, one item a row.

        Raises:
            ProcessError: If there is no answer.
        """
        return await self._wait("decide", key, rows)

    async def rule(self, key: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return lists of action, propensity and level of the rule of thumb, one item a row.

        Raises:
            ProcessError: If there is no answer.
        """
        return await self._wait("rule", key, rows)

    async def recheck(self, key: str) -> str:
        """Score a version's golden rows again; return what differs."""
        try:
            found = await self._ask("recheck", {"key": key}, CALL_SECONDS)
        except ProcessError as error:
            return str(error)
        return str(found["fault"])

    async def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        batches, *answers = self._tasks
        batches.cancel()
        await asyncio.gather(batches, *answers, return_exceptions=True)

    async def _wait(self, do: str, key: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        future = asyncio.get_running_loop().create_future()
        await self._started()
        self._queue.append(Waiting(do, key, rows, future))
        self._some.set()
        return await future  # type: ignore[no-any-return]

    async def _batches(self) -> None:
        """Send what waits, all of one kind together, one call after another."""
        while True:
            await self._some.wait()
            if not self._queue:
                self._some.clear()
                continue
            batch = self._next_batch()
            first, rows = batch[0], [row for one in batch for row in one.rows]
            try:
                asked = {"key": first.key, "rows": rows}
                found = await self._ask(first.do, asked, CALL_SECONDS)
            except ProcessError as error:
                for one in batch:
                    if not one.answer.done():
                        one.answer.set_exception(error)
                continue
            start = 0
            for one in batch:
                end = start + len(one.rows)
                part = {
                    name: what[start:end] if isinstance(what, list) else what
                    for name, what in found.items()
                }
                if not one.answer.done():
                    one.answer.set_result(part)
                start = end

    def _next_batch(self) -> list[Waiting]:
        first = self._queue.popleft()
        batch, rows, others = [first], len(first.rows), deque[Waiting]()
        while self._queue:
            one = self._queue.popleft()
            same = (one.do, one.key) == (first.do, first.key)
            if same and rows + len(one.rows) <= MOST_ROWS:
                batch.append(one)
                rows += len(one.rows)
            else:
                others.append(one)
        self._queue.extend(others)
        return batch

    async def _load(self, key: str, folder: str, use_case: str) -> str:
        asked = {"key": key, "folder": folder, "use_case": use_case}
        await self._started()
        return str((await self._ask("load", asked, START_SECONDS))["fault"])

    async def _ask(self, do: str, asked: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        await self._started()
        process = self._process
        if process is None or process.stdin is None:
            raise ProcessError("the model process is not there")
        self._number += 1
        number = self._number
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number] = future
        try:
            process.stdin.write(packed({"do": do, "with": asked, "number": number}))
            await process.stdin.drain()
            found = await asyncio.wait_for(future, seconds)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            raise ProcessError(f"no answer to `{do}` within {seconds:g} s") from None
        except (ConnectionError, OSError) as error:
            raise ProcessError(f"the model process has ended: {error}") from None
        finally:
            self._asked.pop(number, None)
        del found["number"]
        if "error" in found:
            raise ProcessError(str(found["error"]))
        return found

    async def _started(self) -> None:
        if self._process is not None and self._process.returncode is None:
            return
        async with self._starting:
            if self._process is not None and self._process.returncode is None:
                return
            again = self._process is not None
            if again:
                await asyncio.sleep(_PAUSE_SECONDS)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "kpi_gate.serving.model_process",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                cwd=self._root,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                limit=2**26,
            )
            loop = asyncio.get_running_loop()
            if not self._tasks:
                self._tasks = [loop.create_task(self._batches())]
            self._tasks[1:] = [loop.create_task(self._answers(self._process))]
        for key, (folder, use_case) in list(self._loaded.items()) if again else ():
            await self._load(key, folder, use_case)

    async def _answers(self, process: asyncio.subprocess.Process) -> None:
        """Hand each answer to who asked; at the end of the process tell all who wait."""
        source = process.stdout
        assert source is not None  # noqa: S101
        with suppress(asyncio.IncompleteReadError):
            while True:
                length = int.from_bytes(await source.readexactly(HEAD), "big")
                found = orjson.loads(await source.readexactly(length))
                future = self._asked.get(found["number"])
                if future is not None and not future.done():
                    future.set_result(found)
        await process.wait()
        gone = ProcessError(f"the model process has ended (exit {process.returncode})")
        for future in list(self._asked.values()):
            if not future.done():
                future.set_exception(gone)
