"""docs/api.md is what the application says of itself."""

from tests import api_page


def test_the_page_is_made_from_the_application() -> None:
    assert api_page.PAGE.read_text(encoding="utf-8") == api_page.page(), "run: python -m tests.api_page"
