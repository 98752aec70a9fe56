"""Commands `notices` (what an owner was told, and how far it has come; mails again) and `webhooks` (some of them again)."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from infra.settings import Settings

LIMIT = 50
LINE_LENGTH = 400


class ShowByDefault(TyperGroup):
    """`notices ACCOUNT` is `notices show ACCOUNT`."""

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        """Name the sub-command where none is named."""
        named = arguments[:1] == ["--help"] or not self.commands.keys().isdisjoint(arguments[:1])
        return super().parse_args(context, arguments if named else ["show", *arguments])


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    notices = typer.Typer(cls=ShowByDefault)
    notices.callback()(_notices)
    notices.command()(show)
    notices.command()(resend)
    app.add_typer(notices, name="notices")
    webhooks = typer.Typer(help="Webhooks: send some of them again.")
    webhooks.callback()(_webhooks)
    webhooks.command()(redeliver)
    app.add_typer(webhooks, name="webhooks")


def _webhooks() -> None:
    """What the sub-commands have in common: nothing."""


def _notices() -> None:
    """Notices: `notices ACCOUNT` shows what its owner was told, `notices resend` mails some of it again."""


def show(
    account: Annotated[str, typer.Argument(help="The account's id.")],
    kind: Annotated[str, typer.Option("--type", help="Notices of this type only, such as low_balance.")] = "",
    undelivered: Annotated[
        bool, typer.Option("--undelivered", help="Only what has not reached everybody.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="Newest notices to show.")] = LIMIT,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what an account's owner was told and how far each mail and webhook has come, the newest first."""
    from infra.commands.output import connected, unknown
    from infra.settings import load_settings
    from schemas.records import NoticeType
    from sinks.clickhouse.notices import Notices
    from sinks.clickhouse.reports import Reports

    if kind and kind not in set(NoticeType):
        raise typer.BadParameter(f"--type: {kind!r} is none of {', '.join(NoticeType)}")
    with connected() as client:
        found = Notices(client).notices(account, kind=kind, undelivered=undelivered, limit=limit)
        if not found and not Reports(client).is_known(account):
            raise unknown(account)
    if as_json:
        import json

        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
        return
    _print(load_settings(), account, found)


def _print(settings: "Settings", account: str, found: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from infra.parts.sink_email import codes

    table = Table(box=None, pad_edge=False)
    for heading in ("time", "type", "about", "by", "to", "state", "tried", ""):
        table.add_column(heading, justify="right" if heading == "tried" else "left", overflow="fold")
    for notice in found:
        head = (notice["time"], notice["type"], notice["resource"])
        for delivery in notice["deliveries"] or [_ON_ITS_WAY]:
            row = (
                *head,
                *(str(delivery[name]) for name in ("channel", "target", "state", "attempts", "detail")),
            )
            table.add_row(*(Text(text) for text in row))
            head = ("", "", "")
    # A file or another program gets whole lines.
    console = Console() if sys.stdout.isatty() else Console(width=LINE_LENGTH)
    code = codes(settings).mail_code(account)
    console.print(Text(f"{account}: {len(found)} notices{f', mail code {code}' if code else ''}", "bold"))
    if found:
        console.print(table)


_ON_ITS_WAY = {"channel": "", "target": "", "state": "on its way", "attempts": "", "detail": ""}


def resend(
    record: Annotated[str | None, typer.Option("--id", help="The notice with this id.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="Notices of this account.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Notices that fell due at this time (RFC 3339) or later.")
    ] = None,
) -> None:
    """Mail notices again that were refused or given up; all that is asked for must be so of a notice.

    They are put into the queue of the part sink-email, which must run on this machine. What waits there already or was
    accepted since is left as it is.
    """
    from infra.mails import resent
    from infra.settings import load_settings
    from infra.wanted import Wanted

    if record is account is since is None:
        raise typer.BadParameter("one of --id, --account and --since is needed")
    count = resent(load_settings(), Wanted(record, account, _instant(since)))
    print(f"{count} mails are in the queue")


def redeliver(
    since: Annotated[
        str | None, typer.Option("--since", help="Everything that fell due at this time (RFC 3339) or later.")
    ] = None,
    record: Annotated[str | None, typer.Option("--id", help="The notice or command with this id.")] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="To this target only; to all that want it without it.")
    ] = None,
) -> None:
    """Send webhooks again, those that were accepted too: receivers know them by their webhook-id.

    They are put into the queue of the part sink-webhooks, which must run on this machine.
    """
    from infra.settings import load_settings
    from infra.wanted import Wanted
    from infra.webhooks import redelivered

    if (since is None) == (record is None):
        raise typer.BadParameter("either --since or --id is needed")
    count = redelivered(load_settings(), Wanted(record, since=_instant(since)), target)
    print(f"{count} webhooks are in the queue")


def _instant(since: str | None) -> str | None:
    from schemas.values import instant_of, instant_text

    try:
        return None if since is None else instant_text(instant_of(since))
    except ValueError as error:
        raise typer.BadParameter(f"--since: {error}") from None
