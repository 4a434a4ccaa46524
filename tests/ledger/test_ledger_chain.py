"""Whatever is done to a ledger behind its back is found: bits, rows, order, end, signature, pictures."""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from ledger_cases import START, Ticking, add, judged, new_ledger, order, sha_of

from limbfix.errors import LedgerBroken, LedgerError, ReportExists, SigningKeyError
from limbfix.ledger.chain import COLUMNS, FIRST_PREV, Head, entry_hash, head_message, sealed
from limbfix.ledger.keys import is_signed, load_key, make_key, read_public_key
from limbfix.ledger.overrides import Decision, decide
from limbfix.ledger.store import open_ledger
from limbfix.ledger.verifying import verify
from limbfix.ledger.witnesses import head_text, read_head, witness_path
from limbfix.refund_reports.writing import write_report

ENTRIES = 40
BIT_FLIPS = 1000
FILE_FLIPS = 150
STRUCTURAL = 100
HASHED = (*COLUMNS, "hash")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with a ledger of ENTRIES entries, four kept pictures, overrides, and its key."""
    folder = tmp_path_factory.mktemp("chain")
    with new_ledger(folder) as ledger:
        with ledger.writing() as writer:
            for index in range(ENTRIES - 3):
                jpeg = b"\xff\xd8" + bytes([index]) * 300
                kept = {hashlib.sha256(jpeg).hexdigest(): jpeg} if index % 10 == 0 else {}
                body = {"text": "é" * 20 + str(index), "amount": "12.50", "decision": {"n": index}}
                writer.append(kind="note", case_id=sha_of(str(index)), body=body, evidence=kept, customer=f"c{index % 3}",
                              order_id=f"o{index}", picture=sha_of(f"p{index}"), likeness=sha_of(f"l{index}"))  # fmt: skip
        add(ledger, [(judged("real"), order("real"))])
        case = sha_of_case(ledger)
        decide(ledger, case, Decision(who="Ada", why="six fingers", answer="confirm"))
    with sqlite3.connect(folder / "ledger.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA journal_mode=DELETE")
    return folder


def sha_of_case(ledger) -> str:
    with ledger.reading() as reader:
        return next(entry.case_id for entry in reader.entries() if entry.order_id == "order-real")


@pytest.fixture
def copy(made, tmp_path) -> Path:
    shutil.copy(made / "ledger.db", tmp_path / "ledger.db")
    return tmp_path / "ledger.db"


def public_key(made: Path) -> str:
    return load_key(made / "key.pem").public_hex


def problems(path: Path, made: Path, *heads: Head) -> tuple[str, ...]:
    """What verifying says; an unreadable ledger is found too."""
    try:
        with open_ledger(path) as ledger:
            return verify(ledger, trusted=[public_key(made)], known_heads=heads).problems
    except (LedgerError, SigningKeyError) as error:
        return (f"unreadable: {error}",)


def test_a_whole_ledger_is_whole(copy, made):
    with open_ledger(copy) as ledger:
        found = verify(ledger, trusted=[public_key(made)])
    assert (found.problems, found.is_trusted, found.entries, found.evidence) == ((), True, ENTRIES, 4)


def flipped(value: object, rng: random.Random) -> object:
    """The value with one bit turned, in the type that it had."""
    if isinstance(value, int):
        return value ^ (1 << rng.randrange(40))
    data = bytearray(value.encode() if isinstance(value, str) else value)
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def test_a_thousand_random_bit_flips_are_all_found(copy, made):
    """Bits of everything that means something: each column of entries, head and kept pictures."""
    rng = random.Random(7)
    tables = {
        "entries": HASHED,
        "head": ("ledger", "count", "last", "at", "key", "signature"),
        "evidence": ("sha256", "media", "data"),
    }
    with sqlite3.connect(copy) as database:
        cells = [
            (table, column, row)
            for table, columns in tables.items()
            for column in columns
            for (row,) in database.execute(f"SELECT rowid FROM {table} WHERE length({column}) > 0")
        ]
    with open_ledger(copy) as ledger:
        missed = []
        database = sqlite3.connect(copy, isolation_level=None)
        database.execute("PRAGMA synchronous=OFF")
        for _ in range(BIT_FLIPS):
            table, column, row = rng.choice(cells)
            before = database.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (row,)).fetchone()[0]
            after = flipped(before, rng)
            text = isinstance(before, str)
            where, at = "rowid = ?", row
            try:
                database.execute(
                    f"UPDATE {table} SET {column} = {'CAST(? AS TEXT)' if text else '?'} WHERE {where}", (after, at)
                )
            except sqlite3.IntegrityError:
                continue  # the table itself refuses it: a second entry of that number
            moved = after if column == "seq" else at
            if not found_by_verify(ledger, made):
                missed.append((table, column, row))
            database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (before, moved))
        database.close()
        assert missed == []
        assert not found_by_verify(ledger, made)


def found_by_verify(ledger, made: Path) -> bool:
    try:
        return bool(verify(ledger, trusted=[public_key(made)]).problems)
    except LedgerError:
        return True


def content(path: Path) -> object:
    """All that a reader can ever get out of a ledger."""
    database = sqlite3.connect(path)
    try:
        return [
            database.execute(f"SELECT {columns} FROM {table} ORDER BY 1").fetchall()
            for table, columns in (
                ("entries", ", ".join(HASHED)), ("head", "*"), ("evidence", "*"), ("ledger_versions", "version"),
            )
        ]  # fmt: skip
    finally:
        database.close()


def test_a_flipped_bit_of_the_file_is_found_or_changes_nothing_that_can_be_read(made, tmp_path):
    """Free pages, unused room in pages and counters of SQLite hold nothing: a bit there may go unseen."""
    rng, whole = random.Random(8), (made / "ledger.db").read_bytes()
    before, found, harmless = content(made / "ledger.db"), 0, 0
    for index in range(FILE_FLIPS):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path = tmp_path / f"{index}.db"
        path.write_bytes(data)
        if problems(path, made):
            found += 1
        else:
            assert content(path) == before
            harmless += 1
        path.unlink()
    assert found > harmless


def attack_delete(database: sqlite3.Connection, rng: random.Random) -> None:
    database.execute("DELETE FROM entries WHERE seq = ?", (rng.randint(1, ENTRIES),))


def attack_truncate(database: sqlite3.Connection, rng: random.Random) -> None:
    database.execute("DELETE FROM entries WHERE seq > ?", (rng.randint(0, ENTRIES - 1),))


def attack_swap(database: sqlite3.Connection, rng: random.Random) -> None:
    one, other = rng.sample(range(1, ENTRIES + 1), 2)
    for old, new in ((one, -1), (other, one), (-1, other)):
        database.execute("UPDATE entries SET seq = ? WHERE seq = ?", (new, old))


def attack_renumber(database: sqlite3.Connection, rng: random.Random) -> None:
    """Deletes one and closes the gap."""
    gone = rng.randint(2, ENTRIES - 1)
    database.execute("DELETE FROM entries WHERE seq = ?", (gone,))
    for seq in range(gone + 1, ENTRIES + 1):
        database.execute("UPDATE entries SET seq = ? WHERE seq = ?", (seq - 1, seq))


def rows(database: sqlite3.Connection) -> list[list]:
    return [list(row) for row in database.execute(f"SELECT {', '.join(HASHED)} FROM entries ORDER BY seq")]


def rewritten(database: sqlite3.Connection, kept: list[list]) -> None:
    """Writes entries anew with hashes that fit: an attacker who knows the format, without the key."""
    database.execute("DELETE FROM entries")
    prev = FIRST_PREV
    for seq, row in enumerate(kept, start=1):
        row[0], row[COLUMNS.index("prev")] = seq, prev
        prev = row[-1] = entry_hash(row[:-1])
        database.execute(f"INSERT INTO entries VALUES ({', '.join('?' * len(row))})", row)
    database.execute("UPDATE head SET count = ?, last = ?", (len(kept), prev))


def attack_rewrite(database: sqlite3.Connection, rng: random.Random) -> None:
    kept = rows(database)
    row = kept[rng.randrange(1, ENTRIES)]
    body = COLUMNS.index("body")
    row[body] = row[body].replace('"amount":"', '"amount":"9') if '"amount"' in row[body] else row[body] + " "
    rewritten(database, kept)


def attack_rewrite_without_one(database: sqlite3.Connection, rng: random.Random) -> None:
    kept = rows(database)
    del kept[rng.randrange(1, ENTRIES)]
    rewritten(database, kept)


def attack_append(database: sqlite3.Connection, rng: random.Random) -> None:
    last = rows(database)[-1]
    entry = sealed(**dict(zip(COLUMNS, last[:-1], strict=True)) | {"seq": ENTRIES + 1, "prev": last[-1]})
    values = [getattr(entry, name) for name in HASHED]
    database.execute(f"INSERT INTO entries VALUES ({', '.join('?' * len(values))})", values)
    if rng.random() < 0.5:
        database.execute("UPDATE head SET count = ?, last = ?", (entry.seq, entry.hash))


def attack_evidence(database: sqlite3.Connection, rng: random.Random) -> None:
    names = [name for (name,) in database.execute("SELECT sha256 FROM evidence")]
    name = rng.choice(names)
    if rng.random() < 0.5:
        database.execute("DELETE FROM evidence WHERE sha256 = ?", (name,))
    else:
        other = b"\xff\xd8another picture"
        digest = hashlib.sha256(other).hexdigest()
        database.execute("UPDATE evidence SET sha256 = ?, data = ? WHERE sha256 = ?", (digest, other, name))


def attack_head(database: sqlite3.Connection, rng: random.Random) -> None:
    if rng.random() < 0.3:
        database.execute("DELETE FROM head")
    else:
        count = rng.randint(1, ENTRIES - 1)
        last = rows(database)[count - 1][-1]
        database.execute("DELETE FROM entries WHERE seq > ?", (count,))
        database.execute("UPDATE head SET count = ?, last = ?", (count, last))


ATTACKS = (
    attack_delete, attack_truncate, attack_swap, attack_renumber, attack_rewrite, attack_rewrite_without_one, attack_append,
    attack_evidence, attack_head,
)  # fmt: skip


def test_a_hundred_structural_attacks_are_all_found(made, tmp_path):
    rng, missed = random.Random(9), []
    for index in range(STRUCTURAL):
        attack: Callable[..., None] = ATTACKS[index % len(ATTACKS)]
        path = tmp_path / f"{index}.db"
        shutil.copy(made / "ledger.db", path)
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA synchronous=OFF")
            attack(database, rng)
        database.close()
        if not problems(path, made):
            missed.append(attack.__name__)
        path.unlink()
    assert missed == []


def test_a_ledger_made_anew_with_another_key_is_found(copy, made, tmp_path):
    """The attacker signs everything with a key of his own."""
    other = make_key(tmp_path / "other.pem")
    with sqlite3.connect(copy) as database:
        kept = rows(database)
        body = COLUMNS.index("body")
        kept[0][body] = kept[0][body].replace(public_key(made), other.public_hex)
        rewritten(database, kept)
        fields = dict(zip(("ledger", "count", "last", "at", "key"), database.execute(
            "SELECT ledger, count, last, at, key FROM head").fetchone(), strict=True))  # fmt: skip
        head = Head(**fields | {"key": other.public_hex})
        database.execute("UPDATE head SET key = ?, signature = ?", (head.key, other.sign(head_message(head))))
    assert any("trusted key" in problem for problem in problems(copy, made))
    with open_ledger(copy) as ledger:
        found = verify(ledger)
    assert (found.problems, found.is_trusted) == ((), False)


def gone_on_beside_a_copy(tmp_path) -> Head:
    """Makes a ledger and a copy of it, old.db, and adds one entry more to the ledger; returns its head."""
    with new_ledger(tmp_path) as ledger:
        add(ledger, [(judged("a"), order("a"))])
    shutil.copy(tmp_path / "ledger.db", tmp_path / "old.db")
    with new_ledger(tmp_path) as ledger:
        add(ledger, [(judged("b"), order("b"))])
        return ledger.head()


def test_an_old_copy_put_back_is_whole_in_itself_and_found_by_the_head_kept_beside_the_key(tmp_path):
    head = gone_on_beside_a_copy(tmp_path)
    seen = read_head(witness_path(tmp_path / "key.pem", head.ledger))
    assert seen == head
    assert problems(tmp_path / "ledger.db", tmp_path, seen) == ()
    assert problems(tmp_path / "old.db", tmp_path) == ()
    assert any("cut off" in problem for problem in problems(tmp_path / "old.db", tmp_path, seen))


def two_histories(tmp_path) -> tuple[Head, Head]:
    """Makes a ledger that went on twice from the same copy, with as many entries; returns the head of either end, the first one first."""
    first = gone_on_beside_a_copy(tmp_path)
    shutil.copy(tmp_path / "old.db", tmp_path / "ledger.db")
    witness_path(tmp_path / "key.pem", first.ledger).unlink()  # as on another machine
    with new_ledger(tmp_path) as ledger:
        add(ledger, [(judged("c"), order("c"))])
        return first, ledger.head()


def test_neither_a_ledger_nor_its_key_is_replaced_by_a_report(tmp_path):
    with new_ledger(tmp_path) as ledger:
        add(ledger, [(judged("a"), order("a"))])
        for name in ("ledger.db", "key.pem"):
            with pytest.raises(ReportExists, match="database or a key"):
                write_report(ledger, tmp_path / name, force=True)
    assert problems(tmp_path / "ledger.db", tmp_path) == ()


def test_two_heads_of_one_count_are_both_asked_for(tmp_path):
    kept, own = two_histories(tmp_path)
    assert kept.count == own.count and kept.last != own.last
    for heads in ((kept, own), (own, kept)):
        (problem,) = problems(tmp_path / "ledger.db", tmp_path, *heads)
        assert "seen before" in problem and kept.last[:16] in problem


def test_nothing_is_added_to_an_older_copy_that_was_put_back(tmp_path):
    head = gone_on_beside_a_copy(tmp_path)
    shutil.copy(tmp_path / "old.db", tmp_path / "ledger.db")
    witness = witness_path(tmp_path / "key.pem", head.ledger)
    with new_ledger(tmp_path) as ledger:
        with pytest.raises(LedgerBroken, match="older copy"):
            add(ledger, [(judged("c"), order("c"))])
        assert ledger.head().count == head.count - 1 and read_head(witness) == head
        witness.rename(tmp_path / "aside.json")  # the way out that the message names
        add(ledger, [(judged("c"), order("c"))])
        assert ledger.head().count == head.count


def test_nothing_is_added_to_another_history_of_the_same_length(tmp_path):
    kept, _ = two_histories(tmp_path)
    witness = witness_path(tmp_path / "key.pem", kept.ledger)
    witness.write_text(head_text(kept), encoding="ascii")
    with new_ledger(tmp_path) as ledger, pytest.raises(LedgerBroken, match="another one"):
        add(ledger, [(judged("d"), order("d"))])
    assert read_head(witness) == kept


def test_nothing_is_written_onto_a_broken_end(copy, made):
    shutil.copy(made / "key.pem", copy.parent / "key.pem")
    with sqlite3.connect(copy) as database:
        database.execute("UPDATE entries SET body = '{}', hash = ? WHERE seq = ?", ("0" * 63 + "1", ENTRIES))
    with open_ledger(copy, key=copy.parent / "key.pem") as ledger, pytest.raises(LedgerBroken), ledger.writing():
        pass


def test_another_key_cannot_continue_a_ledger(copy, tmp_path):
    make_key(tmp_path / "other.pem")
    with (
        open_ledger(copy, key=tmp_path / "other.pem") as ledger,
        pytest.raises(SigningKeyError, match="began this ledger"),
        ledger.writing(),
    ):
        pass


def test_keys_are_for_their_owner_alone_and_never_replaced(tmp_path):
    path = tmp_path / "deep" / "key.pem"
    key = make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    with pytest.raises(SigningKeyError, match="left as it is"):
        make_key(path)
    assert path.read_bytes() == before
    path.chmod(0o640)
    with pytest.raises(SigningKeyError, match="0600"):
        load_key(path)
    (tmp_path / "public.pem").write_text(key.public_pem)
    assert read_public_key(tmp_path / "public.pem") == key.public_hex
    assert "PRIVATE" not in key.public_pem


def test_a_signature_has_one_text(tmp_path):
    key = make_key(tmp_path / "key.pem")
    signature = key.sign(b"x")
    assert is_signed(b"x", signature, key.public_hex)
    assert not is_signed(b"x", signature.upper(), key.public_hex)
    assert not is_signed(b"y", signature, key.public_hex)
    assert not is_signed(b"x", "", key.public_hex)


def test_no_two_entries_can_share_the_bytes_that_are_hashed():
    with pytest.raises(ValueError, match="line breaks"):
        sealed(seq=1, kind="case", case_id="a\nb", at="", prev=FIRST_PREV, body="{}")


def test_an_export_can_be_checked_with_a_page_of_code(made):
    """The format as it is documented, written down once more, without limbfix."""
    import json

    from limbfix.ledger.exporting import export_lines

    with open_ledger(made / "ledger.db") as ledger:
        first, *lines = map(json.loads, export_lines(ledger))
    prev = "0" * 64
    for number, line in enumerate(lines, start=1):
        words = ["limbfix ledger entry 1", *(str(line[name]) for name in (
            "seq", "kind", "case_id", "at", "customer", "order_id", "picture", "likeness", "evidence", "prev", "body"))]  # fmt: skip
        prev_of = line["prev"]
        assert (line["seq"], prev_of) == (number, prev)
        prev = hashlib.sha256("\n".join(words).encode()).hexdigest()
        assert prev == line["hash"]
    assert (first["head"]["count"], first["head"]["last"]) == (len(lines), prev)


def test_the_clock_is_the_callers(tmp_path):
    with open_ledger(tmp_path / "l.db", create=True, key=tmp_path / "k.pem", clock=Ticking()) as ledger:
        assert ledger.head().at.startswith(START.date().isoformat())
