"""`meterstream token`: who may use the HTTP API. The token is printed once, alone on stdout; nothing keeps it."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from schemas.access import ApiToken

TokenId = Annotated[
    str, typer.Argument(help="The id that `token list` shows: the middle of ms_<id>_<secret>.")
]
DEFAULT_GRACE = "1h"


class Scope(StrEnum):
    """What a token lets its bearer do; the members of `schemas.access.Scope`, whose module is too heavy for --help."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    token = typer.Typer(help="Make, list, rotate and revoke tokens of the HTTP API.")
    token.command()(create)
    token.command(name="list")(show)
    token.command()(revoke)
    token.command()(rotate)
    app.add_typer(token, name="token")


def create(
    scope: Annotated[
        list[Scope],
        typer.Option("--scope", help="ingest: send events; read: read accounts; admin: everything."),
    ],
    account: Annotated[
        str | None, typer.Option("--account", help="The only account that it sends and sees; all without it.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="What it is for, for `token list`.")] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="A time (2027-01-01T00:00:00Z) or from now on (90d, 12h).")
    ] = None,
) -> None:
    """Make a token and print it, once."""
    from infra import tokens
    from infra.settings import load_settings
    from schemas import access

    scopes = [access.Scope(each.value) for each in scope]
    made = tokens.created(scopes, account=account, name=name, expires=expires, now_ms=tokens.now_ms())
    tokens.write(load_settings(), made.record)
    _say(f"token {made.record.id}: {_description(made.record)}")
    print(made.text)


def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show every token; what could be used to sign in is not among it."""
    import json

    from infra import tokens
    from infra.settings import load_settings

    with tokens.all_tokens(load_settings()) as known:
        rows = known.every()
    if as_json:
        hidden = {"hash", "previous_hash"}
        print(
            json.dumps(
                [row.model_dump(mode="json", exclude=hidden, exclude_none=True) for row in rows], indent=2
            )
        )
        return
    for row in rows:
        print(f"{row.id}  {row.created}  {_description(row)}")
    if not rows:
        _say("no tokens yet: meterstream token create --scope read")


def revoke(token: TokenId) -> None:
    """End a token: running services refuse it within a second or two."""
    from infra import tokens
    from infra.settings import load_settings

    settings = load_settings()
    tokens.write(settings, tokens.revoked(tokens.found(settings, token), tokens.now_ms()))
    _say(f"token {token} is revoked")


def rotate(
    token: TokenId,
    grace: Annotated[
        str, typer.Option("--grace", help="For how long the old secret is good: 1h, 0s, or until a time.")
    ] = DEFAULT_GRACE,
) -> None:
    """Give a token a new secret and print it, once; the old one is good for a while."""
    from infra import tokens
    from infra.settings import load_settings

    settings = load_settings()
    made = tokens.rotated(tokens.found(settings, token), grace, tokens.now_ms())
    tokens.write(settings, made.record)
    _say(f"token {token} has a new secret; the old one is good until {made.record.previous_until}")
    print(made.text)


def _description(token: "ApiToken") -> str:
    parts = ["+".join(token.scopes), f"account {token.account}" if token.account else "all accounts"]
    parts += [f"expires {token.expires}"] if token.expires else []
    parts += [f"revoked {token.revoked}"] if token.revoked else []
    parts += [token.name] if token.name else []
    return ", ".join(parts)


def _say(text: str) -> None:
    # Not on stdout: that holds the token and nothing else, for TOKEN=$(meterstream token create …).
    print(text, file=sys.stderr)
