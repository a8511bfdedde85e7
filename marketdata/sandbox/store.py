"""The sandbox's SQLite file: what the engine changed becomes durable in one transaction.

One process owns the file at a time (`ownership`): a second one waits, then gives up. WAL with
`synchronous=NORMAL` loses nothing when the process dies, `FULL` nothing when the power fails.
Constraints hold what the engine promises: a fill has one row, and an order never fills beyond
its quantity.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec
from msgspec import Struct

from marketdata.sandbox.account import Account
from marketdata.sandbox.changes import Changes, DayResult
from marketdata.sandbox.checkpoints import Checkpoints
from marketdata.sandbox.errors import StoreError
from marketdata.sandbox.model import (
    AuditEntry,
    ExitRule,
    Gtt,
    Holding,
    Limits,
    Order,
    Position,
    Trade,
)
from marketdata.sandbox.ownership import Ownership
from marketdata.sandbox.state import Counters, State

VERSION: Final = 1
#: How long to wait for the process before us to let go of the file.
BUSY_S: Final = 10.0
#: Commits between two checkpoints of the write-ahead log: some 40 MB.
_CHECKPOINT_AFTER: Final = 1000
T = TypeVar("T", bound=Struct)


class _Table(Generic[T]):
    """Flat structs as rows: whole numbers and texts."""

    def __init__(self, name: str, kind: type[T], key: str, *constraints: str) -> None:
        fields = msgspec.structs.fields(kind)
        names = [field.name for field in fields]
        columns = [f"{f.name} {'INTEGER' if f.type is int else 'TEXT'} NOT NULL" for f in fields]
        marks = ", ".join("?" * len(names))
        keys = key.split(", ")
        updates = ", ".join(f"{n} = excluded.{n}" for n in names if n not in keys)
        parts = ", ".join([*columns, f"PRIMARY KEY ({key})", *constraints])
        self.create = f"CREATE TABLE IF NOT EXISTS {name} ({parts}) WITHOUT ROWID"
        self.insert = f"INSERT INTO {name} VALUES ({marks})"  # noqa: S608 - our own names
        self.upsert = f"{self.insert} ON CONFLICT ({key}) DO UPDATE SET {updates}"
        self.delete = f"DELETE FROM {name} WHERE " + " AND ".join(f"{k} = ?" for k in keys)  # noqa: S608
        self.select = f"SELECT * FROM {name} "  # noqa: S608
        self._kind = kind
        self._names = names

    def read(self, rows: Iterable[tuple[Any, ...]]) -> list[T]:
        return [self._kind(**dict(zip(self._names, row, strict=True))) for row in rows]


_ORDERS: Final = _Table("orders", Order, "id", "CHECK (filled_quantity BETWEEN 0 AND quantity)")
_TRADES: Final = _Table("trades", Trade, "id", "UNIQUE (order_id, fill)", "CHECK (quantity > 0)")
_POSITIONS: Final = _Table("positions", Position, "account, exchange, symbol, product")
_HOLDINGS: Final = _Table("holdings", Holding, "account, exchange, symbol")
_EXIT_RULES: Final = _Table("exit_rules", ExitRule, "account, exchange, symbol, product")
_AUDIT: Final = _Table("audit", AuditEntry, "number")
_SCHEMA: Final = (
    *(t.create for t in (_ORDERS, _TRADES, _POSITIONS, _HOLDINGS, _EXIT_RULES, _AUDIT)),
    """CREATE TABLE IF NOT EXISTS accounts (
        name TEXT PRIMARY KEY, capital INTEGER NOT NULL, cash INTEGER NOT NULL,
        realised INTEGER NOT NULL, realised_today INTEGER NOT NULL, carried INTEGER NOT NULL,
        resets INTEGER NOT NULL, max_loss INTEGER NOT NULL, max_position_value INTEGER NOT NULL,
        max_orders_per_minute INTEGER NOT NULL, killed TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS gtts (
        id TEXT PRIMARY KEY, account TEXT NOT NULL, status TEXT NOT NULL, body TEXT NOT NULL
        ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS days (
        account TEXT NOT NULL, day TEXT NOT NULL, realised INTEGER NOT NULL,
        unrealised INTEGER NOT NULL, cash INTEGER NOT NULL, holdings INTEGER NOT NULL,
        PRIMARY KEY (account, day)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS jobs (name TEXT PRIMARY KEY, done INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE INDEX IF NOT EXISTS live_orders ON orders (changed_ns)
        WHERE status IN ('open', 'trigger pending')""",
    "CREATE INDEX IF NOT EXISTS orders_by_time ON orders (changed_ns)",
    "CREATE INDEX IF NOT EXISTS orders_by_event ON orders (event)",
    "CREATE UNIQUE INDEX IF NOT EXISTS refs ON orders (account, ref) WHERE ref != ''",
    "CREATE UNIQUE INDEX IF NOT EXISTS legs ON orders (leg_id) WHERE leg_id != ''",
    "CREATE INDEX IF NOT EXISTS trades_by_time ON trades (at_ns)",
    "CREATE INDEX IF NOT EXISTS audit_by_account ON audit (account, number)",
    """CREATE TRIGGER IF NOT EXISTS no_overfill AFTER INSERT ON trades
        WHEN (SELECT sum(quantity) FROM trades WHERE order_id = NEW.order_id)
            > (SELECT quantity FROM orders WHERE id = NEW.order_id)
        BEGIN SELECT RAISE(ABORT, 'an order would be filled beyond its quantity'); END""",
)
_PUT_ACCOUNT: Final = "INSERT OR REPLACE INTO accounts VALUES (?,?,?,?,?,?,?,?,?,?,?)"
_PUT_GTT: Final = "INSERT OR REPLACE INTO gtts VALUES (?,?,?,?)"
_PUT_DAY: Final = "INSERT OR REPLACE INTO days VALUES (?,?,?,?,?,?)"
_PUT_JOB: Final = "INSERT OR REPLACE INTO jobs VALUES (?,?)"
_PUT_META: Final = "INSERT OR REPLACE INTO meta VALUES (?,?)"
_LIVE: Final = "status IN ('open', 'trigger pending')"
_decode_gtt = msgspec.json.Decoder(Gtt).decode
_row = msgspec.structs.astuple


class Store:
    """The file; blocking, for one thread at a time."""

    def __init__(self, path: Path, *, synchronous: Literal["normal", "full"] = "normal") -> None:
        """Raises StoreError: another process has it, or it is none of ours."""
        self.path = path
        self._uncheckpointed = 0
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._ownership = Ownership(path, BUSY_S)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{path}: {error}; does another instance use it?") from None
        try:
            self._database = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=BUSY_S
            )
            self._begin(synchronous)
        except (sqlite3.Error, StoreError) as error:
            self._ownership.release()
            told = error if isinstance(error, StoreError) else StoreError(f"{path}: {error}")
            raise told from None
        self._checkpoints = Checkpoints(path, synchronous)

    def close(self) -> None:
        """Give the file back; what was committed is in it."""
        self._checkpoints.close()
        with suppress(sqlite3.Error):
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._database.close()
        self._ownership.release()

    def write(self, changes: Changes, counters: Counters, announced: int) -> None:
        """All of it or nothing. `announced` is the last event that others were told of.

        Raises:
            StoreError: nothing of it was written.
        """
        execute, many = self._database.execute, self._database.executemany
        try:
            execute("BEGIN IMMEDIATE")
            many(_PUT_ACCOUNT, [_account_row(account) for account in changes.accounts.values()])
            many(_ORDERS.upsert, map(_row, changes.orders.values()))
            many(_TRADES.insert, map(_row, changes.trades))
            self._write_keyed(_POSITIONS, changes.positions)
            self._write_keyed(_HOLDINGS, changes.holdings)
            self._write_keyed(_EXIT_RULES, changes.exit_rules)
            many(_PUT_GTT, [_gtt_row(gtt) for gtt in changes.gtts.values()])
            many(_AUDIT.insert, map(_row, changes.audit))
            many(_PUT_DAY, [tuple(vars(day).values()) for day in changes.days])
            many(_PUT_JOB, changes.jobs.items())
            many(_PUT_META, [*vars(counters).items(), ("announced", announced)])
            execute("COMMIT")
        except (sqlite3.Error, OverflowError) as error:
            with suppress(sqlite3.Error):
                execute("ROLLBACK")
            raise StoreError(f"{self.path}: {error}; nothing was changed") from None
        self._uncheckpointed += 1
        if self._uncheckpointed > _CHECKPOINT_AFTER:
            self._uncheckpointed = 0
            self._checkpoints.wake()

    def read(self, state: State, since_ns: int) -> int:
        """Fill an empty state: what is live, and what happened since a moment; gives back up to
        which event others were told.

        Raises:
            StoreError: the file is damaged.
        """
        try:
            return self._read(state, since_ns)
        except (sqlite3.Error, msgspec.MsgspecError, TypeError, KeyError) as error:
            raise StoreError(f"{self.path}: {error}; move the file away to begin anew") from None

    def order(self, account: str, order_id: str) -> Order | None:
        """An order of any day."""
        return self._one_order("WHERE id = ? AND account = ?", order_id, account)

    def order_of(self, account: str, ref: str) -> Order | None:
        """The order with a client's own mark, of any day."""
        return self._one_order("WHERE account = ? AND ref = ?", account, ref)

    def trades_of(self, account: str) -> list[Trade]:
        """All of an account's trades, of all days."""
        query = _TRADES.select + "WHERE account = ? ORDER BY at_ns, id"
        return _TRADES.read(self._database.execute(query, (account,)))

    def audit(self, account: str, last: int) -> list[AuditEntry]:
        """The newest entries, oldest first."""
        query = _AUDIT.select + "WHERE account = ? ORDER BY number DESC LIMIT ?"
        return _AUDIT.read(self._database.execute(query, (account, last)))[::-1]

    def days(self, account: str) -> list[DayResult]:
        """The results of an account's days, oldest first."""
        query = "SELECT * FROM days WHERE account = ? ORDER BY day"
        return [DayResult(*row) for row in self._database.execute(query, (account,))]

    def _one_order(self, where: str, *values: str) -> Order | None:
        found = _ORDERS.read(self._database.execute(_ORDERS.select + where, values))
        return found[0] if found else None

    def _begin(self, synchronous: str) -> None:
        execute = self._database.execute
        execute("PRAGMA journal_mode = WAL")
        execute(f"PRAGMA synchronous = {synchronous.upper()}")
        execute("PRAGMA wal_autocheckpoint = 0")  # `checkpoints` makes them
        execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            execute(statement)
        [version] = execute("PRAGMA user_version").fetchone()
        if version not in {0, VERSION}:
            raise StoreError(f"{self.path}: made by a newer version ({version}); move it away")
        execute(f"PRAGMA user_version = {VERSION}")
        execute("COMMIT")

    def _write_keyed(self, table: _Table[Any], rows: dict[Any, Any]) -> None:
        many = self._database.executemany
        many(table.upsert, [_row(row) for row in rows.values() if row is not None])
        many(table.delete, [key for key, row in rows.items() if row is None])

    def _read(self, state: State, since_ns: int) -> int:
        execute = self._database.execute
        meta = dict(execute("SELECT key, value FROM meta"))
        announced = int(meta.pop("announced", 0))
        state.counters = Counters(**meta)
        state.jobs = dict(execute("SELECT name, done FROM jobs"))
        for row in execute("SELECT * FROM accounts"):
            account = _account(row)
            state.accounts[account.name] = account
        for position in _POSITIONS.read(execute(_POSITIONS.select)):
            key = (position.exchange, position.symbol, position.product)
            state.accounts[position.account].positions[key] = position
        for holding in _HOLDINGS.read(execute(_HOLDINGS.select)):
            place = (holding.exchange, holding.symbol)
            state.accounts[holding.account].holdings[place] = holding
        query = f"WHERE {_LIVE} OR changed_ns >= ? OR event > ? ORDER BY placed_ns, id"
        for order in _ORDERS.read(execute(_ORDERS.select + query, (since_ns, announced))):
            state.orders[order.id] = order
        query = "WHERE at_ns >= ? ORDER BY at_ns, id"
        state.trades = _TRADES.read(execute(_TRADES.select + query, (since_ns,)))
        for (body,) in execute("SELECT body FROM gtts ORDER BY id"):
            gtt = _decode_gtt(body)
            state.gtts[gtt.id] = gtt
        for rule in _EXIT_RULES.read(execute(_EXIT_RULES.select)):
            symbol = state.symbol(rule.exchange, rule.symbol)
            symbol.rules[rule.account, rule.product] = rule
        return announced


def _gtt_row(gtt: Gtt) -> tuple[str, str, str, str]:
    return gtt.id, gtt.account, gtt.status, msgspec.json.encode(gtt).decode()


def _account_row(account: Account) -> tuple[str | int, ...]:
    limits = account.limits
    return (
        *(account.name, account.capital, account.cash, account.realised),
        *(account.realised_today, account.carried, account.resets, limits.max_loss),
        *(limits.max_position_value, limits.max_orders_per_minute, limits.killed),
    )


def _account(row: tuple[Any, ...]) -> Account:
    name, capital, cash, realised, realised_today, carried, resets, *limits = row
    account = Account(name, capital, cash)
    account.realised, account.realised_today = realised, realised_today
    account.carried, account.resets = carried, resets
    max_loss, max_position_value, max_orders_per_minute, killed = limits
    account.limits = Limits(
        account=name,
        max_loss=max_loss,
        max_position_value=max_position_value,
        max_orders_per_minute=max_orders_per_minute,
        killed=killed,
    )
    return account
