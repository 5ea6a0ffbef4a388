"""The full-text index of books, kept right by triggers of the database, whoever writes and however much at once.

PostgreSQL: a table of tsvectors with a GIN index, refreshed once per statement. SQLite: an FTS5 table, refreshed per
row. Both hold title, subtitle, authors, series and narrators (aliases too) without case, accents and apostrophes.

SQLite forgets a table's triggers when a migration rebuilds it, and refuses to rebuild what a trigger names. A later
migration that alters one of the tables below therefore runs `remove` first and `install` last.
"""

# ruff: noqa: S608 (all names are constants of this file)
from typing import Any

TABLE = "library_booksearch"
VIEWS = tuple(f"library_booksearch_texts_{step}" for step in range(4))
APOSTROPHES = "'’‘ʼ`´"
# Letters with a stroke, and ligatures, which no normal form takes apart.
LETTERS = {
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe", "þ": "th",
}  # fmt: skip
CAPITALS = {"Ø": "o", "Ł": "l", "Đ": "d", "Ð": "d", "Ħ": "h", "İ": "i", "ẞ": "ss", "Æ": "ae", "Œ": "oe", "Þ": "th"}

# Table, the columns that matter, and the ids of the books that a row of it concerns.
SOURCES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("library_book", ("title", "subtitle"), "{row}.id"),
    ("library_bookauthor", ("book_id", "author_id", '"order"'), "{row}.book_id"),
    ("library_booknarrator", ("book_id", "narrator_id", '"order"'), "{row}.book_id"),
    ("library_seriesentry", ("book_id", "series_id"), "{row}.book_id"),
    ("library_author", ("name",), "SELECT l.book_id FROM library_bookauthor l WHERE l.author_id = {row}.id"),
    ("library_narrator", ("name",), "SELECT l.book_id FROM library_booknarrator l WHERE l.narrator_id = {row}.id"),
    ("library_series", ("name",), "SELECT l.book_id FROM library_seriesentry l WHERE l.series_id = {row}.id"),
    (
        "library_authoralias",
        ("name", "author_id"),
        "SELECT l.book_id FROM library_bookauthor l WHERE l.author_id = {row}.author_id",
    ),
    (
        "library_seriesalias",
        ("name", "series_id"),
        "SELECT l.book_id FROM library_seriesentry l WHERE l.series_id = {row}.series_id",
    ),
)
# What a book's document is made of: a column's name, and its text.
NAMES = {
    "title": "b.title",
    "subtitle": "b.subtitle",
    "authors": "(SELECT {join}(n.name, ' ') FROM (SELECT a.name FROM library_bookauthor l JOIN library_author a "
    "ON a.id = l.author_id WHERE l.book_id = b.id UNION ALL SELECT a.name FROM library_bookauthor l "
    "JOIN library_authoralias a ON a.author_id = l.author_id WHERE l.book_id = b.id) n)",
    "series": "(SELECT {join}(n.name, ' ') FROM (SELECT s.name FROM library_seriesentry l JOIN library_series s "
    "ON s.id = l.series_id WHERE l.book_id = b.id UNION ALL SELECT s.name FROM library_seriesentry l "
    "JOIN library_seriesalias s ON s.series_id = l.series_id WHERE l.book_id = b.id) n)",
    "narrators": "(SELECT {join}(a.name, ' ') FROM library_booknarrator l JOIN library_narrator a "
    "ON a.id = l.narrator_id WHERE l.book_id = b.id)",
}
# PostgreSQL's four weights, from the most to the least important.
WEIGHTS = {"title": "A", "series": "B", "authors": "C", "subtitle": "D", "narrators": "D"}
EVENTS = {"INSERT": ("new",), "UPDATE": ("old", "new"), "DELETE": ("old",)}
# Rows that links still point to cannot be deleted or made with books already hanging on them.
LINKED = ("library_author", "library_narrator", "library_series")


def install(apps: Any, schema_editor: Any) -> None:
    """Make the index and its triggers, and fill it with what is there."""
    statements = _postgresql() if schema_editor.connection.vendor == "postgresql" else _sqlite()
    for statement in statements:
        schema_editor.execute(statement, params=None)


def remove(apps: Any, schema_editor: Any) -> None:
    """Undo `install`."""
    for table, events in _events():
        name = _trigger(table, events)
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}", params=None)
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {name}()", params=None)
        else:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}", params=None)
    if schema_editor.connection.vendor != "postgresql":
        for view in reversed(VIEWS):
            schema_editor.execute(f"DROP VIEW IF EXISTS {view}", params=None)
    schema_editor.execute(f"DROP TABLE IF EXISTS {TABLE}", params=None)
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION IF EXISTS library_search_refresh(bigint[])", params=None)
        schema_editor.execute("DROP FUNCTION IF EXISTS library_search_fold(text)", params=None)


def _events() -> list[tuple[str, str]]:
    return [(table, event) for table, _, _ in SOURCES for event in EVENTS if table not in LINKED or event == "UPDATE"]


def _trigger(table: str, event: str) -> str:
    return f"{table.replace('library_', 'library_search_')}_{event.lower()}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _sqlite() -> list[str]:
    columns = ", ".join(NAMES)
    fill = f"INSERT INTO {TABLE} (rowid, {columns}) SELECT id, {columns} FROM {VIEWS[-1]}"
    found = [
        f"CREATE VIRTUAL TABLE {TABLE} USING fts5({columns}, tokenize = 'unicode61 remove_diacritics 2', "
        "prefix = '2 3')"
    ]
    found += _sqlite_views()
    for table, event in _events():
        cols, ids = next((cols, ids) for source, cols, ids in SOURCES if source == table)
        steps = []
        for row in EVENTS[event]:
            chosen = ids.format(row=row.upper())
            steps.append(f"DELETE FROM {TABLE} WHERE rowid IN ({chosen})")
            if not (table == "library_book" and event == "DELETE"):
                steps.append(f"{fill} WHERE id IN ({chosen})")
        when, timing = "", event
        if event == "UPDATE":
            differs = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in cols)
            when, timing = f"WHEN {differs}", f"UPDATE OF {', '.join(cols)}"
        body = "; ".join(steps)
        found.append(f"CREATE TRIGGER {_trigger(table, event)} AFTER {timing} ON {table} {when} BEGIN {body}; END")
    return [*found, fill]


def _sqlite_views() -> list[str]:
    """The folded texts of books. FTS5 folds case and accents itself; apostrophes and the letters of their own kind are
    replaced here, in steps, because the parser takes no expression as deep as all of them together."""
    raw = ", ".join(f"coalesce({text.format(join='group_concat')}, '') AS {name}" for name, text in NAMES.items())
    steps = [dict.fromkeys(APOSTROPHES, "") | dict(list(CAPITALS.items())[:5]), LETTERS]
    steps[1:1] = [dict(list(CAPITALS.items())[5:])]
    found = [f"CREATE VIEW {VIEWS[0]} AS SELECT b.id, {raw} FROM library_book b"]
    for before, view, letters in zip(VIEWS, VIEWS[1:], steps, strict=False):
        texts = ", ".join(f"{_replaced(name, letters)} AS {name}" for name in NAMES)
        found.append(f"CREATE VIEW {view} AS SELECT id, {texts} FROM {before}")
    return found


def _replaced(text: str, letters: dict[str, str]) -> str:
    for letter, plain in letters.items():
        text = f"replace({text}, {_quoted(letter)}, {_quoted(plain)})"
    return text


def _postgresql() -> list[str]:
    return (
        [_POSTGRESQL_FOLD, _postgresql_table(), _POSTGRESQL_INDEX, _postgresql_refresh()]
        + [statement for table, event in _events() for statement in _postgresql_trigger(table, event)]
        + ["SELECT library_search_refresh(array_agg(id)) FROM library_book"]
    )


def _postgresql_table() -> str:
    # Without a foreign key, so that the tables of the models may be truncated.
    return f"CREATE TABLE {TABLE} (book_id bigint PRIMARY KEY, document tsvector NOT NULL)"


_SINGLE = {letter: plain for letter, plain in LETTERS.items() if len(plain) == 1}
_DOUBLE = {letter: plain for letter, plain in LETTERS.items() if len(plain) == 2}
PUNCTUATION = '!"#$%&()*+,-./:;<=>?@[\\]^_{|}~–—…“”„«»·•'


def _postgresql_fold() -> str:
    marks = "[\u0300-\u036f]"
    found = f"lower(normalize(regexp_replace(normalize($1, NFKD), {_quoted(marks)}, '', 'g'), NFC))"
    for letter, plain in _DOUBLE.items():
        found = f"replace({found}, {_quoted(letter)}, {_quoted(plain)})"
    old = PUNCTUATION + "".join(_SINGLE)
    new = " " * len(PUNCTUATION) + "".join(_SINGLE.values())
    found = f"translate({found}, {_quoted(old)}, {_quoted(new)})"
    found = f"translate({found}, {_quoted(APOSTROPHES)}, '')"
    return (
        "CREATE FUNCTION library_search_fold(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE "
        f"AS $fold$ SELECT {found} $fold$"
    )


_POSTGRESQL_FOLD = _postgresql_fold()
_POSTGRESQL_INDEX = f"CREATE INDEX library_booksearch_document ON {TABLE} USING gin (document)"


def _postgresql_refresh() -> str:
    parts = " || ".join(
        f"setweight(to_tsvector('simple', library_search_fold(coalesce({NAMES[name].format(join='string_agg')}, ''))), "
        f"'{weight}')"
        for name, weight in WEIGHTS.items()
    )
    # In the middle of a large import the planner knows nothing of the new rows yet, and would scan whole tables for
    # each book; every step here is a look-up by an index.
    plan = "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off"
    return (
        f"CREATE FUNCTION library_search_refresh(ids bigint[]) RETURNS void LANGUAGE sql {plan} AS $refresh$ "
        f"INSERT INTO {TABLE} (book_id, document) SELECT b.id, {parts} FROM library_book b WHERE b.id = ANY(ids) "
        "ORDER BY b.id ON CONFLICT (book_id) DO UPDATE SET document = excluded.document $refresh$"
    )


def _postgresql_trigger(table: str, event: str) -> list[str]:
    name = _trigger(table, event)
    cols, ids = next((cols, ids) for source, cols, ids in SOURCES if source == table)
    rows = EVENTS[event]
    if table == "library_book" and event == "DELETE":
        work = f"DELETE FROM {TABLE} WHERE book_id IN (SELECT id FROM old_rows)"
    else:
        work = f"PERFORM library_search_refresh(ARRAY({_changed(cols, ids, event)}))"
    tables = " ".join(f"{row.upper()} TABLE AS {row}_rows" for row in rows)
    return [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN {work}; RETURN NULL; END $body$",
        f"CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {tables} FOR EACH STATEMENT "
        f"EXECUTE FUNCTION {name}()",
    ]


def _changed(cols: tuple[str, ...], ids: str, event: str) -> str:
    """The books that the rows of a statement concern; of an update only those whose columns differ."""
    found = []
    for row in EVENTS[event]:
        source, differs = f"{row}_rows r", ""
        if event == "UPDATE":
            other = "new" if row == "old" else "old"
            source += f" JOIN {other}_rows o ON o.id = r.id"
            mine, theirs = (", ".join(f"{side}.{column}" for column in cols) for side in "ro")
            differs = f" WHERE ({mine}) IS DISTINCT FROM ({theirs})"
        chosen = ids.format(row="r")
        if chosen.startswith("SELECT"):
            found.append(f"SELECT x.book_id FROM {source} CROSS JOIN LATERAL ({chosen}) x{differs}")
        else:
            found.append(f"SELECT {chosen} FROM {source}{differs}")
    return " UNION ".join(found)
