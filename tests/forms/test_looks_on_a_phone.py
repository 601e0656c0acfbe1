"""Every page on a narrow screen, in the dark, in English: it fits and anyone can use it."""

from tests.forms.looking import Opened, every_page_is_fit
from tests.journeys.conftest import Visitor
from tests.running import Running


async def test_every_page_fits_and_is_named_and_labelled(
    opened: Opened, archipel: Running, visitor: Visitor
) -> None:
    await every_page_is_fit(opened, archipel, visitor, phone=True, language="en")
