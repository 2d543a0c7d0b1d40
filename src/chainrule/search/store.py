"""The trials of a search in one SQLite file: one row a trial, safe against death at any moment.

A trial is one call of the objective: a configuration, at a rung where successive halving is used.
It is claimed in one transaction by a process, and only that process's result is taken. What a dead
process had claimed is claimed again; what is done is never run again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chainrule.reporting.files import refuse_links
from chainrule.search.errors import SearchError
from chainrule.search.process_identity import ProcessIdentity
from chainrule.search.rows import document, text_of, trial_of
from chainrule.search.sqlite_file import connect, files_of, sentence, write_ahead
from chainrule.search.trial import Result, Trial

__all__ = ["TrialStore"]

FORMAT = 1
STATES = ("waiting", "running", "done", "failed")
#: Seconds that a write waits for another process's; a transaction takes milliseconds.
PATIENCE = 30.0
#: Seconds without a sign of life after which a process that cannot be looked up counts as dead.
SILENCE = 60.0

SCHEMA = """
CREATE TABLE search (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE trials (
    id INTEGER PRIMARY KEY,
    configuration INTEGER NOT NULL,
    rung INTEGER NOT NULL DEFAULT 0,
    budget REAL,
    parameters TEXT NOT NULL,
    seed INTEGER NOT NULL,
    shape TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    owner TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    started REAL,
    seconds REAL,
    value REAL,
    metrics TEXT,
    error TEXT,
    UNIQUE (configuration, rung)
);
CREATE INDEX trials_by_state ON trials (state, shape, id);
CREATE TABLE processes (identity TEXT PRIMARY KEY, beats INTEGER NOT NULL) WITHOUT ROWID;
"""

COLUMNS = (
    "id, configuration, rung, budget, parameters, seed, shape, state, attempts, started, seconds, "
    "value, metrics, error"
)


class TrialStore:
    """The store in one file; several processes may use it at once, each through its own object.

    Parameters
    ----------
    path : Path
        Made by `create`.
    patience : float
        Seconds to wait for another process's transaction.

    Raises
    ------
    SearchError
        If the file is not a store, of another version, locked, or cannot be opened.
    """

    def __init__(self, path: Path, patience: float = PATIENCE) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise SearchError(f"There is no store {self.path}; run the search that makes it.")
        self._connection = connect(self.path, patience)
        self._last_seen: dict[str, tuple[int, float]] = {}
        try:
            with self._errors():
                self._check_format()
        except SearchError:
            self._connection.close()
            raise

    @classmethod
    def create(
        cls,
        path: Path,
        description: Mapping[str, Any],
        trials: Iterable[Mapping[str, Any]],
        patience: float = PATIENCE,
    ) -> TrialStore:
        """Return the store of a search, made with all its trials if it does not exist yet.

        Parameters
        ----------
        path : Path
        description : mapping
            What makes a search this search: plain values.
        trials : iterable of mappings
            `configuration`, `rung`, `budget`, `parameters`, `seed`, `shape` of each.
        patience : float
            As for the class.

        Raises
        ------
        SearchError
            As the class; also if the file holds another search.
        """
        path = Path(path)
        refuse_links(files_of(path), SearchError)  # before anything is made where they lead
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SearchError(f"Cannot write {path}: {reason}. Choose another folder.") from error
        store = cls.__new__(cls)
        store.path, store._last_seen = path, {}
        store._connection = connect(path, patience)
        try:
            if store._is_new():
                write_ahead(store._connection, path, patience)
            with store._errors(), store._transaction():
                if store._is_new():
                    for statement in SCHEMA.split(";"):
                        store._connection.execute(statement)
                    store._connection.execute(f"PRAGMA user_version = {FORMAT}")
                    store._connection.executemany(
                        "INSERT INTO search VALUES (?, ?)",
                        [("description", text_of(description)), ("created", repr(time.time()))],
                    )
                    store._insert(trials)
                store._check_format()
                store._check_description(description)
        except SearchError:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> TrialStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Processes ---------------------------------------------------------------------------------

    def join(self, owner: ProcessIdentity) -> None:
        """Enter a process, so that others can see whether it lives.

        Parameters
        ----------
        owner : ProcessIdentity
            The process.
        """
        with self._errors():
            self._connection.execute(
                "INSERT OR IGNORE INTO processes VALUES (?, 0)", (owner.written(),)
            )

    def beat(self, owner: ProcessIdentity) -> None:
        """Give a sign of life.

        Parameters
        ----------
        owner : ProcessIdentity
            The process.
        """
        with self._errors():
            self._connection.execute(
                "UPDATE processes SET beats = beats + 1 WHERE identity = ?", (owner.written(),)
            )

    def leave(self, owner: ProcessIdentity) -> None:
        """Take a process out and give back the trials that it has not finished.

        Parameters
        ----------
        owner : ProcessIdentity
            The process.
        """
        with self._errors(), self._transaction():
            self._give_back(owner.written())

    def reclaim(self, clock: Callable[[], float] = time.monotonic) -> int:
        """Give back the trials of dead processes and return how many there were.

        A process of this system is dead when its number is gone or given to another one. One that
        cannot be looked up from here is dead when it gave no sign of life for `SILENCE` seconds
        *of this process's own clock*, so that clocks need not agree.
        """
        given_back = 0
        with self._errors():
            rows = self._connection.execute(
                "SELECT identity, beats FROM processes WHERE identity IN"
                " (SELECT DISTINCT owner FROM trials WHERE state = 'running')"
            ).fetchall()
            for written, beats in rows:
                dead = ProcessIdentity.read(written).known_dead()
                if dead is None:
                    seen, since = self._last_seen.get(written, (None, 0.0))
                    if seen != beats:
                        self._last_seen[written] = (beats, clock())
                    dead = seen == beats and clock() - since > SILENCE
                if dead:
                    with self._transaction():
                        given_back += self._give_back(written)
        return given_back

    def _give_back(self, written: str) -> int:
        rows = self._connection.execute(
            "UPDATE trials SET state = 'waiting', owner = NULL"
            " WHERE state = 'running' AND owner = ?",
            (written,),
        )
        self._connection.execute("DELETE FROM processes WHERE identity = ?", (written,))
        return rows.rowcount

    # Trials ------------------------------------------------------------------------------------

    def claim(self, owner: ProcessIdentity, count: int = 1) -> list[Trial]:
        """Take up to `count` waiting trials of one shape, the first first; none if none waits.

        Parameters
        ----------
        owner : ProcessIdentity
            The process.
        count : int
            At most so many.

        Returns
        -------
        list of Trial
        """
        with self._errors():
            rows = self._connection.execute(
                "UPDATE trials SET state = 'running', owner = ?, attempts = attempts + 1,"
                " started = ?, error = NULL"
                " WHERE id IN (SELECT id FROM trials WHERE state = 'waiting' AND shape = ("
                "   SELECT shape FROM trials WHERE state = 'waiting' ORDER BY shape, id LIMIT 1)"
                f"  ORDER BY id LIMIT ?) RETURNING {COLUMNS}",
                (owner.written(), time.time(), count),
            ).fetchall()
        return sorted((trial_of(self.path, row) for row in rows), key=lambda trial: trial.id)

    def record(self, owner: ProcessIdentity, results: Mapping[int, Result]) -> int:
        """Store results by trial id, and return how many were taken.

        A result is taken only while its trial is the owner's, so that one that was given back and
        run again is not overwritten by the process that was thought dead.
        """
        taken = 0
        with self._errors(), self._transaction():
            for id_, result in results.items():
                taken += self._connection.execute(
                    "UPDATE trials SET state = ?, seconds = ?, value = ?, metrics = ?, error = ?,"
                    " owner = NULL WHERE id = ? AND owner = ? AND state = 'running'",
                    (
                        "done" if result.error is None else "failed",
                        result.seconds,
                        result.value,
                        text_of(result.metrics),
                        result.error,
                        id_,
                        owner.written(),
                    ),
                ).rowcount
        return taken

    def give_back(self, owner: ProcessIdentity, ids: Sequence[int]) -> None:
        """Let trials that were claimed but not finished wait again.

        Parameters
        ----------
        owner : ProcessIdentity
            The process.
        ids : sequence of int
            Of the trials.
        """
        with self._errors(), self._transaction():
            self._connection.executemany(
                "UPDATE trials SET state = 'waiting', owner = NULL"
                " WHERE id = ? AND owner = ? AND state = 'running'",
                [(id_, owner.written()) for id_ in ids],
            )

    def retry_failed(self) -> int:
        """Let failed trials wait again, and return how many; their errors stay until they run."""
        with self._errors():
            return self._connection.execute(
                "UPDATE trials SET state = 'waiting' WHERE state = 'failed'"
            ).rowcount

    def add(self, trials: Iterable[Mapping[str, Any]]) -> int:
        """Add trials that are not there yet, by configuration and rung, and return how many."""
        with self._errors(), self._transaction():
            return self._insert(trials)

    def trials(self, state: str | None = None, rung: int | None = None) -> list[Trial]:
        """Return all trials, or those in a state or of a rung, in order."""
        where, values = ["1"], []
        for column, wanted in (("state", state), ("rung", rung)):
            if wanted is not None:
                where.append(f"{column} = ?")
                values.append(wanted)
        query = f"SELECT {COLUMNS} FROM trials WHERE {' AND '.join(where)} ORDER BY id"
        with self._errors():
            return [trial_of(self.path, row) for row in self._connection.execute(query, values)]

    def counts(self) -> dict[str, int]:
        """Return how many trials are in each state."""
        with self._errors():
            found = dict(
                self._connection.execute("SELECT state, COUNT(*) FROM trials GROUP BY state")
            )
        return {state: found.get(state, 0) for state in STATES}

    def description(self) -> dict[str, Any]:
        """Return what `create` was given."""
        with self._errors():
            row = self._connection.execute(
                "SELECT value FROM search WHERE name = 'description'"
            ).fetchone()
        return document(self.path, row[0] if row else None)

    # Private -----------------------------------------------------------------------------------

    def _insert(self, trials: Iterable[Mapping[str, Any]]) -> int:
        before = self._connection.total_changes
        self._connection.executemany(
            "INSERT OR IGNORE INTO trials (configuration, rung, budget, parameters, seed, shape)"
            " VALUES (:configuration, :rung, :budget, :parameters, :seed, :shape)",
            ({**trial, "parameters": text_of(trial["parameters"])} for trial in trials),
        )
        return self._connection.total_changes - before

    def _is_new(self) -> bool:
        with self._errors():
            found = self._connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        return not found[0]

    def _check_format(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        tables = {row[0] for row in self._connection.execute("SELECT name FROM sqlite_master")}
        if not {"search", "trials", "processes"} <= tables:
            raise SearchError(
                f"{self.path} is not a store of trials. Give another file or folder; this one is "
                "left as it is."
            )
        if version != FORMAT:
            raise SearchError(
                f"{self.path} is a store of version {version}, and this chainrule reads version "
                f"{FORMAT}. Use the chainrule that wrote it, or give another output folder."
            )

    def _check_description(self, description: Mapping[str, Any]) -> None:
        stored, wanted = self.description(), document(self.path, text_of(description))
        different = [name for name in {**stored, **wanted} if stored.get(name) != wanted.get(name)]
        if different:
            raise SearchError(
                f"{self.path} holds another search: it differs in {', '.join(different)}. Give "
                "another output folder, or start over with --fresh."
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say in one sentence what SQLite refuses."""
        try:
            yield
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise sentence(self.path, error) from error
