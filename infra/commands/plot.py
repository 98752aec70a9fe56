"""A report drawn in the terminal: a bar a day, stacked by the greatest names where it is split.

Bars are drawn from rounded numbers; the amounts themselves are printed below.
"""

import shutil
import sys
from decimal import Decimal
from typing import Any

NAMES_MAX = 5
HEIGHT = 16
COLOURS = ("blue", "orange", "green", "magenta", "cyan", "gray")
# Told apart without colours too.
MARKS = ("█", "▒", "▚", "░", "▞", "·")
WIDTH_MAX = 110
REST = "others"


def drawn(found: dict[str, Any]) -> str:
    """The picture of a report, with colours on a terminal."""
    import plotext

    days = [day["day"][5:] for day in found["days"]]
    series = series_of(found)
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(min(shutil.get_terminal_size().columns, WIDTH_MAX), HEIGHT)
    values = [[float(amount) for amount in amounts] for amounts in series.values()]
    if found["by"]:
        count = len(values)
        style = {"color": list(COLOURS[:count]), "marker": list(MARKS[:count]), "width": 0.6}
        plotext.stacked_bar(days, values, labels=list(series), **style)
    else:
        plotext.bar(days, values[0], width=0.6, color=COLOURS[0])
    plotext.ylabel(found["currency"])
    picture = plotext.build()
    return f"{picture if sys.stdout.isatty() else plotext.uncolorize(picture)}\n\n"


def series_of(found: dict[str, Any]) -> dict[str, list[Decimal]]:
    """The amounts of each day by name, the greatest names first and the rest together; one series without a split.

    A day that is below 0 is drawn as 0.
    """
    if not found["by"]:
        return {found["currency"]: [_height(day["amount"]) for day in found["days"]]}
    ranked = sorted(found["groups"], key=lambda group: (-Decimal(group["amount"]), group["name"]))
    greatest = [group["name"] for group in ranked[:NAMES_MAX]]
    by_day = [{line["name"]: line["amount"] for line in day["lines"]} for day in found["days"]]
    series = {
        name or f"(no {found['by']})": [_height(day.get(name, "0")) for day in by_day] for name in greatest
    }
    if len(ranked) > NAMES_MAX:
        series[REST] = [
            sum((_height(amount) for name, amount in day.items() if name not in greatest), Decimal(0))
            for day in by_day
        ]
    return series


def _height(amount: str) -> Decimal:
    return max(Decimal(amount), Decimal(0))
