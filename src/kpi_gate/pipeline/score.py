"""Score rows of files by what serves: the same split, the same decisions, the same log."""

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from kpi_gate.errors import ConfigurationError
from kpi_gate.files.sync import sync
from kpi_gate.pipeline.score_rows import Part, files_in, parts_of
from kpi_gate.run.context import Run
from kpi_gate.serving import places
from kpi_gate.serving.answering import Answer
from kpi_gate.serving.errors import ServingError
from kpi_gate.serving.follow import Follower
from kpi_gate.serving.log.writer import DecisionLog, open_log
from kpi_gate.serving.process_client import ProcessClient
from kpi_gate.serving.schema import Checker, RowFault
from kpi_gate.serving.service import Service
from kpi_gate.serving.versions import Versions
from kpi_gate.usecase.serving_settings import ServingSettings

MOST_RANKED = 3_000_000  # rows that a budget is held against at once
MOST_WAITING, LOG_SECONDS = 100_000, 60.0  # of the log, before scoring waits for it, and how long
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("unit", pa.string(), nullable=False),
        pa.field("action", pa.float64(), nullable=False),
        ("level", pa.string()),
        ("score", pa.float64()),
        pa.field("version", pa.string(), nullable=False),
        pa.field("arm", pa.string(), nullable=False),
        pa.field("propensity", pa.float64(), nullable=False),
        pa.field("rule_of_thumb", pa.bool_(), nullable=False),
        ("fault", pa.string()),
    ]
)


class Scored(NamedTuple):
    """What scoring came to.

    Attributes:
        rows: That were decided.
        set_aside: That were not: they have faults.
        ruled: Decided ones for which the rule of thumb stands in, since the model could not.
        champion: In use.
        logged: Whether they are in the log.
    """

    rows: int
    set_aside: int
    ruled: int
    champion: str
    logged: bool


def score(
    run: Run,
    source: Path,
    to: Path,
    *,
    log: bool = True,
    version: str = "",
    set_aside: Path | None = None,
    told: Callable[[str], None] = lambda words: None,
) -> Scored:
    """Decide on all rows of a file or folder, and write the decisions in their order.

    The output is there whole, and only once the decisions are in the log; else it is not there.

    Args:
        run: The use case.
        source: File of Parquet or CSV, or folder of these, in the columns that a request has.
        to: File of Parquet to write.
        log: Whether the decisions are logged: they were taken, and their outcomes will come.
        version: Score all rows by this version alone, as a trial, without log; by default each unit
            gets what it would be served.
        set_aside: File of JSON lines for rows with faults; by default one is the end.
        told: Is called with how far it is.

    Raises:
        ConfigurationError: If rows cannot be read or have faults; the message names file, row,
            column and value.
        ServingError: If nothing can be served, or the log does not take the decisions.
    """
    files = files_in(source)
    made = _Scoring(run, log=log and not version, version=version)
    whole = to.with_name(f".{to.name}.partial")
    aside = _Aside(set_aside)
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        with pq.ParquetWriter(whole, SCHEMA, compression="zstd") as writer:
            found = asyncio.run(made.all(files, writer, aside, told))
        with whole.open("rb") as file:
            os.fsync(file.fileno())
        whole.replace(to)
        sync(to.parent)
        aside.finish()
    finally:
        whole.unlink(missing_ok=True)
        aside.leave()
    return found


class _Aside:
    """Takes the rows with faults."""

    def __init__(self, path: Path | None) -> None:
        self.path, self.count = path, 0
        self._whole = None if path is None else path.with_name(f".{path.name}.partial")

    def put(self, part: Part, faults: Sequence[RowFault], row: dict[str, Any]) -> None:
        if self._whole is None:
            raise ConfigurationError(
                f"{_told(part, faults[0])}; nothing was written: mend the rows, or let them be set "
                "aside: --set-aside FILE"
            )
        if not self.count:
            self._whole.parent.mkdir(parents=True, exist_ok=True)
            self._whole.unlink(missing_ok=True)
        words = [_told(part, fault) for fault in faults]
        with self._whole.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"faults": words, "row": row}, default=str) + "\n")
        self.count += 1

    def finish(self) -> None:
        if self._whole is not None and self.path is not None and self.count:
            self._whole.replace(self.path)

    def leave(self) -> None:
        if self._whole is not None:
            self._whole.unlink(missing_ok=True)


def _told(part: Part, fault: RowFault) -> str:
    value = "" if fault.value is None else f" {fault.value!r}"
    where = f"{part.file}: row {part.first + fault.row}"
    return f"{where}, column {fault.column}:{value} {fault.words}"


class _Scoring:
    def __init__(self, run: Run, *, log: bool, version: str) -> None:
        self.run, self._trial = run, version
        self._ruled = self._rows = 0
        workspace, settings = run.workspace, run.use_case.settings.served()
        if version:  # a trial: everybody gets this version
            quiet = {"holdout": 0.0, "exploration": 0.0, "keep_versions": 1}
            settings = ServingSettings.model_validate(quiet)
        self.process = ProcessClient(workspace.root)
        self.versions = Versions(workspace, run.name, self.process)
        self._log = self._opened(settings) if log else None
        self.service = Service(
            run.name, settings, self.versions, self._log, worker="score", counted=not version
        )

    def _opened(self, settings: ServingSettings) -> DecisionLog:
        workspace = self.run.workspace
        url = workspace.serving_log_url.get_secret_value() if settings.log.sql else ""
        return open_log(
            places.log(workspace, self.run.name),
            worker=f"score-{socket.gethostname()}-{os.getpid()}",
            values=settings.log.values,
            sql_url=url,
            most_waiting=2 * MOST_RANKED,
        )

    async def all(
        self,
        files: Sequence[Path],
        writer: pq.ParquetWriter,
        aside: _Aside,
        told: Callable[[str], None],
    ) -> Scored:
        """Decide on all rows; the log has them when this returns."""
        try:
            await self._follow()
            current = self.service.current
            if current is None or current.usual is None:
                self.service.faults([])  # says why
                raise ServingError(f"{self.run.name}: nothing can be served")
            manifest = current.usual.predictor.manifest
            parts = self._sound(parts_of(files, manifest.columns), current.checker, aside)
            limits = manifest.policy.settings
            if limits.most is not None or limits.budget_share < 1:
                parts = iter([_joined(parts)])  # a budget is for whole groups
            for rows in parts:
                if rows:
                    await self._decide(rows, writer)
                    told(f"{self._rows:,} rows")
            await asyncio.to_thread(self._settle)
            champion = self._trial or self.service.champion
            logged = self._log is not None
            return Scored(self._rows, aside.count, self._ruled, champion, logged)
        finally:
            await asyncio.to_thread(self.service.close)
            await self.process.stop()

    async def _follow(self) -> None:
        follower = Follower(self.run.workspace, [self.run.name])
        standing = follower.look().get(self.run.name)
        if standing is None:
            words = follower.faults[self.run.name] or "nothing was promoted yet"
            raise ServingError(f"{self.run.name}: {words}")
        if self._trial:
            if self._trial not in standing.known:
                there = ", ".join(standing.known) or "none"
                raise ConfigurationError(
                    f"--version {self._trial}: not of {self.run.name}; there are: {there}"
                )
            standing = standing.model_copy(
                update={
                    "champion": self._trial,
                    "standing": ((self._trial, standing.since or self.run.as_of),),
                    "experiment": None,
                    "candidate": "",
                }
            )
        await self.service.follow(standing)
        fault = self.versions.faults.get(self._trial or standing.champion)
        if fault:
            raise ServingError(f"{self.run.name}: {fault}")

    @staticmethod
    def _sound(
        parts: Iterator[Part], checker: Checker, aside: _Aside
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows without faults, part by part."""
        for part in parts:
            if part.sound or not checker.check(part.rows):
                yield part.rows
                continue
            sound = []
            for place, row in enumerate(part.rows):
                faults = checker.check([row])
                if faults:
                    aside.put(part, [fault._replace(row=place) for fault in faults], row)
                else:
                    sound.append(row)
            yield sound

    async def _decide(self, rows: list[dict[str, Any]], writer: pq.ParquetWriter) -> None:
        await asyncio.to_thread(self._wait_for_log)
        answers, taken = await self.service.decide(rows)
        if self._log is not None and not taken:
            raise ServingError(f"the log takes no more: {self._log.state.fault or 'it is full'}")
        writer.write_table(_table(answers))
        self._rows += len(answers)
        self._ruled += sum(answer.fault is not None for answer in answers)

    def _wait_for_log(self) -> None:
        end = time.monotonic() + LOG_SECONDS
        while self._log is not None and self._log.state.waiting > MOST_WAITING:
            if time.monotonic() > end:
                raise ServingError(f"the log does not take them: {self._log.state.fault}")
            time.sleep(0.01)

    def _settle(self) -> None:
        """See to it that all decisions are in the log."""
        if self._log is None:
            return
        state = self._log.close(LOG_SECONDS)
        if state.waiting or state.dropped:
            raise ServingError(
                f"{state.waiting + state.dropped:,} decisions are not in the log, and nothing was "
                f"written: {state.fault or 'it is slow'}"
            )


def _joined(parts: Iterator[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for part in parts:
        rows += part
        if len(rows) > MOST_RANKED:
            raise ConfigurationError(
                f"--rows: has more than {MOST_RANKED:,} rows, which a policy with a budget must "
                "rank at once; score it by parts that hold whole groups, such as days"
            )
    return rows


def _table(answers: Sequence[Answer]) -> pa.Table:
    columns = dict(zip(Answer._fields, zip(*answers, strict=True), strict=True))
    columns["unit"] = tuple(map(str, columns["unit"]))
    return pa.table([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)
