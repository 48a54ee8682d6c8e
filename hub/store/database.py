"""How transactions are run: one writer thread with priorities on SQLite, a pool on PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import OperationalError

from hub.errors import Temporary

P = ParamSpec("P")
T = TypeVar("T")


class Priority(IntEnum):
    """Who goes first when several transactions wait: whatever somebody outside is waiting for."""

    RECEIVE = 0
    SETTLE = 1
    ABSORB = 2
    DERIVE = 3
    BACKFILL = 4


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[Connection], Any]
    durable: bool
    result: Future[Any]


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite+pysqlite:///{path}"


def exists(url: str) -> bool:
    """Whether a SQLite file is there, which connecting to it would make; of a server, True."""
    parsed = make_url(url)
    return parsed.get_backend_name() != "sqlite" or Path(parsed.database or "").exists()


def connect(url: str, *, durable: bool = True, write: bool = True) -> Engine:
    """An engine with the hub's settings.

    durable: a commit survives a power cut (SQLite `synchronous=FULL`). write: transactions begin IMMEDIATE on SQLite,
    so that a lock is waited for at the beginning and never in the middle.
    """
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_size=8, max_overflow=8, pool_pre_ping=True)
    # last in, first out: the fewer connections are used, the fewer caches hold the same pages
    engine = create_engine(url, pool_use_lifo=True, connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(raw: Any, _record: object) -> None:
        raw.create_function("lower", 1, _lower, deterministic=True)
        raw.isolation_level = None  # else the driver begins and commits by itself, and a failed migration half stays
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={'FULL' if durable else 'NORMAL'}",
            "foreign_keys=ON",
            "busy_timeout=30000",
            f"cache_size={-32768 if write else -8192}",
            "temp_store=MEMORY",
            "journal_size_limit=67108864",
            "wal_autocheckpoint=4000",
        ):
            raw.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _lower(value: Any) -> Any:
    """SQLite's own knows the letters of English alone, and clients are looked for by their names."""
    return value.lower() if isinstance(value, str) else value


class Database:
    """The store of one hub. `await run(function, …)` is one transaction: all of it or nothing."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self.durable = connect(url)
        self._relaxed = connect(url, durable=False) if self.is_sqlite else self.durable
        self._readers = connect(url, write=False) if self.is_sqlite else self.durable
        self._threads = ThreadPoolExecutor(8, "store")
        self._jobs: queue.PriorityQueue[tuple[int, int, _Job | None]] = queue.PriorityQueue()
        self._order = itertools.count()
        self._writer: threading.Thread | None = None
        self._closed = False
        if self.is_sqlite:
            self._writer = threading.Thread(target=self._write, name="store-writer", daemon=True)
            self._writer.start()

    async def run(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One transaction at the priority of absorb; see `write`."""
        return await self.write(Priority.ABSORB, work, *args, **kwargs)

    async def write(
        self, priority: Priority, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """One transaction; of those that wait, the lower priority value goes first.

        RECEIVE and SETTLE survive a power cut once this returns. A database that cannot be written is `Temporary`.
        """

        def job(connection: Connection) -> T:
            return work(connection, *args, **kwargs)

        durable = priority <= Priority.SETTLE
        self._must_be_open()
        try:
            if self._writer is None:
                return await asyncio.get_running_loop().run_in_executor(
                    self._threads, self._transaction, self.durable, job
                )
            result: Future[T] = Future()
            self._jobs.put((priority, next(self._order), _Job(job, durable, result)))
            return await asyncio.wrap_future(result)
        except OperationalError as error:
            raise Temporary(f"the store cannot be written: {error.orig}", retry_after=5) from error

    async def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Look things up in one consistent snapshot, beside the writer."""

        def job(connection: Connection) -> T:
            return work(connection, *args, **kwargs)

        self._must_be_open()
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, self._transaction, self._readers, job
            )
        except OperationalError as error:
            raise Temporary(f"the store cannot be read: {error.orig}", retry_after=5) from error

    def is_awaited(self) -> bool:
        """Whether somebody outside waits until the writer has time: a long transaction had better end."""
        return any(priority <= Priority.SETTLE for priority, _, _ in self._jobs.queue[:1])

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction in the caller's own thread, for start-up and tests."""
        with self.durable.begin() as connection:
            yield connection

    def close(self) -> None:
        """Finish what waits and let go of every connection."""
        self._closed = True
        if self._writer is not None:
            self._jobs.put((len(Priority), next(self._order), None))
            self._writer.join()
        self._threads.shutdown()
        for engine in {self.durable, self._relaxed, self._readers}:
            engine.dispose()

    def _must_be_open(self) -> None:
        if self._closed:
            raise Temporary("the store is closed: the hub is stopping", retry_after=5)

    @staticmethod
    def _transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
        with engine.begin() as connection:
            return work(connection)

    def _write(self) -> None:
        while (job := self._jobs.get()[2]) is not None:
            if not job.result.set_running_or_notify_cancel():
                continue
            try:
                job.result.set_result(self._transaction(self.durable if job.durable else self._relaxed, job.work))
            except BaseException as error:  # noqa: BLE001 - it is raised where the transaction was asked for
                job.result.set_exception(error)
