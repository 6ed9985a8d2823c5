# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What waits to be told, and how far the collector's files have been read: on disk, in one database, changed together or not at all."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any, Callable, Iterable, Mapping

from ._command import HostError
from ._notify import Note

FILE = "queue.db"
_TABLES = """
CREATE TABLE IF NOT EXISTS positions (host TEXT, day TEXT, bytes INTEGER, PRIMARY KEY (host, day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, time INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS queue (number INTEGER PRIMARY KEY AUTOINCREMENT, chat TEXT, alarm INTEGER, since REAL, note TEXT);
CREATE INDEX IF NOT EXISTS queue_chat ON queue (chat, number);
CREATE TABLE IF NOT EXISTS chats (
    name TEXT PRIMARY KEY,
    doubt INTEGER DEFAULT 0, left_out INTEGER DEFAULT 0, failures INTEGER DEFAULT 0, reason TEXT DEFAULT '', told REAL DEFAULT 0
) WITHOUT ROWID;
"""


class Queue:
    """One connection to the database; each thread has its own. Nothing is kept before :meth:`commit`."""

    def __init__(self, path: str, *, read_only: bool = False) -> None:
        self._db = sqlite3.connect(f"file:{path}?mode=ro" if read_only else path, timeout=60, uri=read_only)
        if read_only:
            return
        try:
            # Readers and one writer do not wait for each other, and what is committed has reached the disk.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            raise HostError(
                f"{path}: {error}", f"look whether the disk is full or damaged; to begin anew: mv {path} {path}.damaged"
            ) from None

    def commit(self) -> None:
        self._db.commit()

    def take_back(self) -> None:
        self._db.rollback()

    def _value(self, query: str, *values: Any) -> Any:
        row = self._db.execute(query, values).fetchone()
        return row[0] if row else None

    # How far the files were read.

    def positions(self, host: str) -> dict[str, int]:
        """Bytes that were read of each of the last days of a host."""
        return dict(self._db.execute("SELECT day, bytes FROM positions WHERE host = ?", (host,)))

    def read_to(self, host: str, day: str, size: int) -> None:
        """Keep a position; of the days before, one alone is kept, for what still comes to it around midnight."""
        self._db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", (host, day, size))
        days = sorted(self.positions(host))[:-2]
        self._db.executemany("DELETE FROM positions WHERE host = ? AND day = ?", [(host, old) for old in days])

    # What was told once. It is what :class:`_notify.Memory` wants.

    def get(self, key: str) -> int | None:
        found: int | None = self._value("SELECT time FROM memory WHERE key = ?", key)
        return found

    def put(self, key: str, time: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", (key, time))

    def forget(self, before: int) -> None:
        self._db.execute("DELETE FROM memory WHERE time < ?", (before,))

    # What waits.

    def keep_chats(self, names: Iterable[str]) -> None:
        """From now on these are the chats; what waits for another one is dropped."""
        wanted = set(names)
        gone = [(name,) for (name,) in self._db.execute("SELECT name FROM chats") if name not in wanted]
        self._db.executemany("DELETE FROM queue WHERE chat = ?", gone)
        self._db.executemany("DELETE FROM chats WHERE name = ?", gone)
        self._db.executemany("INSERT OR IGNORE INTO chats (name) VALUES (?)", [(name,) for name in wanted])

    def add(self, chat: str, note: Note, now: float, most: int) -> None:
        """Let a note wait for a chat. Where too many do, the oldest that is no alarm is left out, and counted."""
        row = (chat, note.about == "alarms", now, note.to_json())
        self._db.execute("INSERT INTO queue (chat, alarm, since, note) VALUES (?, ?, ?, ?)", row)
        if self._value("SELECT count(*) FROM queue WHERE chat = ?", chat) > most:
            oldest = self._value("SELECT number FROM queue WHERE chat = ? ORDER BY alarm, number LIMIT 1", chat)
            self._db.execute("DELETE FROM queue WHERE number = ?", (oldest,))
            self._db.execute("UPDATE chats SET left_out = left_out + 1 WHERE name = ?", (chat,))

    def waiting(self, chat: str, most: int) -> tuple[list[tuple[int, Note]], float]:
        """The notes that wait, the first ones first, and since when the first one does."""
        rows = self._db.execute("SELECT number, note, since FROM queue WHERE chat = ? ORDER BY number LIMIT ?", (chat, most)).fetchall()
        return [(number, Note.from_json(note)) for number, note, _since in rows], rows[0][2] if rows else 0

    def chat(self, name: str) -> Mapping[str, Any]:
        """How it goes with a chat, by the names of the columns."""
        cursor = self._db.execute("SELECT * FROM chats WHERE name = ?", (name,))
        values = cursor.fetchone() or ()
        found = {column[0]: value for column, value in zip(cursor.description, values)}
        return {**found, "waiting": self._value("SELECT count(*) FROM queue WHERE chat = ?", name)}

    def names(self) -> list[str]:
        return [name for (name,) in self._db.execute("SELECT name FROM chats ORDER BY name")]

    def trying(self, chat: str) -> None:
        """A message is on its way; until more is known nobody knows whether it came there."""
        self._at_once(lambda db: db.execute("UPDATE chats SET doubt = 1 WHERE name = ?", (chat,)))

    def failed(self, chat: str, reason: str, *, doubt: bool) -> None:
        query = "UPDATE chats SET doubt = ?, failures = failures + 1, reason = ? WHERE name = ?"
        self._at_once(lambda db: db.execute(query, (doubt, reason, chat)))

    def told(self, chat: str, numbers: Iterable[int], left_out: int, now: float) -> None:
        def change(db: sqlite3.Connection) -> None:
            db.executemany("DELETE FROM queue WHERE number = ?", [(number,) for number in numbers])
            query = "UPDATE chats SET doubt = 0, failures = 0, reason = '', left_out = left_out - ?, told = ? WHERE name = ?"
            db.execute(query, (left_out, now, chat))

        self._at_once(change)

    def _at_once(self, change: Callable[[sqlite3.Connection], Any]) -> None:
        with self._db:
            change(self._db)

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
