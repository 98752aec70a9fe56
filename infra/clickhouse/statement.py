"""What a request asks for: one statement, told apart just far enough to run it.

Pure. A tokenizer, not a parser: strings, quoted names and comments are skipped as wholes, so that a
keyword or a semicolon inside them is not taken for one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

BAD_SYNTAX: Final = 62
NOT_IMPLEMENTED: Final = 48

# Every result of these formats is its blocks one after another, so it can be sent as it is made. Others
# have a head, a foot or an index: chDB repeats them for each streamed chunk.
STREAMABLE_FORMATS: Final = frozenset(
    {
        "native",
        "tabseparated",
        "tsv",
        "tabseparatedraw",
        "tsvraw",
        "csv",
        "jsoneachrow",
        "jsonlines",
        "ndjson",
    }
    | {"rowbinary", "jsoncompacteachrow", "values"}
)
ROW_VERBS: Final = frozenset(
    {"SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "CHECK", "KILL"}
)
STREAMABLE_VERBS: Final = frozenset({"SELECT", "WITH", "FROM"})

_TOKEN: Final = re.compile(
    rb"""
      (?P<skip> \s+ | --[^\n]* | \#[ !][^\n]* | /\*.*?\*/ )
    | (?P<quoted> '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*`
                | (?P<tag>\$\w*\$) .*? (?P=tag) )
    | (?P<word> [A-Za-z_]\w* )
    | (?P<sign> . )
    """,
    re.DOTALL | re.VERBOSE,
)


_LINE_REST: Final = re.compile(rb"[ \t\f]*;?[ \t\f]*\r?\n?")


class StatementRefusedError(Exception):
    """A statement that is not run, with ClickHouse's error code."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {message}. ({name})")


@dataclass(frozen=True)
class Rows:
    """Any statement that carries no data: run as it is, with rows coming back or not."""

    verb: str
    format: str | None

    @property
    def returns_rows(self) -> bool:
        """True where the engine answers with rows in a format."""
        return self.verb in ROW_VERBS

    def streams_as(self, default_format: str) -> bool:
        """True where the result may be sent while it is made."""
        return self.verb in STREAMABLE_VERBS and (self.format or default_format).lower() in STREAMABLE_FORMATS


@dataclass(frozen=True)
class DataInsert:
    """`INSERT … FORMAT x` or `INSERT … VALUES`: the statement without that clause, and where its data begin."""

    head: bytes
    format: str
    data_start: int


class _Word(NamedTuple):
    upper: str
    text: str
    start: int
    end: int


_END: Final = _Word("", "", 0, 0)


def read_statement(text: bytes) -> Rows | DataInsert:
    """Tell what `text` is; of an insert with data only the head is read, so `text` may be its beginning.

    Raises `StatementRefusedError` for an empty text, for more than one statement (a server's HTTP interface
    runs one) and for reading or writing files of this machine, which a server does not do over HTTP.
    """
    words = _words(text)
    first = next(words, _END)
    if first is _END:
        raise StatementRefusedError(BAD_SYNTAX, "SYNTAX_ERROR", "Empty query")
    if first.upper == "INSERT":
        return _read_insert(text, words)
    # A statement in brackets is a selection.
    return Rows("SELECT" if first.upper == "(" else first.upper, _read_clauses(words))


def _read_insert(text: bytes, words: Iterator[_Word]) -> Rows | DataInsert:
    depth = 0
    for count, word in enumerate(words):
        depth += (word.upper == "(") - (word.upper == ")")
        if depth:
            continue
        match word.upper:
            case "FUNCTION" if count <= 2:
                raise StatementRefusedError(
                    NOT_IMPLEMENTED, "NOT_IMPLEMENTED", "INSERT INTO FUNCTION is not served here"
                )
            case "INFILE":
                raise StatementRefusedError(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", "INFILE is not served here")
            case "SELECT" | "WITH":
                return Rows("INSERT", _read_clauses(words))
            case "VALUES":
                return DataInsert(text[: word.start], "Values", word.end)
            case "FORMAT":
                name = next(words, _END)
                return DataInsert(text[: word.start], name.text, _after_line(text, name.end))
            case _:
                pass
    raise StatementRefusedError(BAD_SYNTAX, "SYNTAX_ERROR", "INSERT has neither SELECT, VALUES nor FORMAT")


def _read_clauses(words: Iterator[_Word]) -> str | None:
    """The format named at the end of a statement, which must be the only one."""
    named, before = None, _END
    for word in words:
        if before.upper == ";":
            raise StatementRefusedError(BAD_SYNTAX, "SYNTAX_ERROR", "Multi-statements are not allowed")
        if before.upper == "INTO" and word.upper == "OUTFILE":
            raise StatementRefusedError(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", "INTO OUTFILE is not served here")
        if before.upper == "FORMAT" and word.text.isidentifier():
            named = word
        elif before is named and word.upper not in {";", "SETTINGS"}:
            # Something called `format` was selected.
            named = None
        before = word
    return named.text if named else None


def _words(text: bytes) -> Iterator[_Word]:
    """Words and signs of `text` in order; a quoted thing is one sign, blanks and comments are none."""
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "skip":
            continue
        word = "''" if token["quoted"] is not None else token[0].decode("latin-1")
        yield _Word(word.upper(), word, token.start(), token.end())


def _after_line(text: bytes, position: int) -> int:
    """Where data begin: blanks and at most one line end after the format's name belong to the statement."""
    match = _LINE_REST.match(text, position)
    return match.end() if match else position
