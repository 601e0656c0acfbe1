"""What comes in, and why one is not accepted: the sentence names what is wrong with it."""

import msgspec
import pytest

from tenants.platform.errors import Invalid
from tenants.platform.inputs import Email, Line, decode_fields
from tenants.platform.words import use_locale


class Form(msgspec.Struct):
    """A form with one field of each kind that says its own reason."""

    email: Email = "nobody@example.org"
    line: Line = "x"


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("email", "noemie chez moi", "adresse de courriel"),
        ("email", "noemie@", "adresse de courriel"),
        ("line", "deux\nlignes", "caractères qui ne sont pas acceptés"),
    ],
)
def test_a_field_says_what_is_wrong_with_it(field: str, typed: str, said: str) -> None:
    with use_locale("fr"), pytest.raises(Invalid) as refused:
        decode_fields(Form, {field: typed}, {})
    assert said in refused.value.errors[field]
