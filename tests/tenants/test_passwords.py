"""Passwords: judged, hashed and made anew; and what is kept of a browser and an address."""

import pytest
from argon2 import PasswordHasher

from tenants.passwords import PasswordTooEasy, PasswordTooShort, hash_password, is_password, renewed_hash
from tenants.sign_ins import browser_of, network_of


@pytest.mark.parametrize(
    ("password", "refusal"),
    [
        ("court", PasswordTooShort),
        ("aaaaaaaaaaaaaaaa", PasswordTooEasy),
        ("quelquun@example.org", PasswordTooEasy),
    ],
)
async def test_a_password_that_is_short_or_guessed_at_once_is_refused(
    password: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await hash_password(password, email="quelquun@example.org")


async def test_a_hash_made_with_weaker_parameters_is_made_anew() -> None:

    weak = PasswordHasher(time_cost=1, memory_cost=1024).hash("une vieille phrase")
    assert await is_password("une vieille phrase", weak)
    renewed = await renewed_hash("une vieille phrase", weak)
    assert renewed
    assert await is_password("une vieille phrase", renewed)
    assert await renewed_hash("une vieille phrase", renewed) is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1234:5678::1", "2001:db8:1234::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("unix", ""),
        ("", ""),
    ],
)
def test_an_address_is_kept_as_its_network(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("said", "short"),
    [
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile Safari/604",
            "Safari · iPhone",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140 Safari/537.36 Edg/140",
            "Edge · Windows",
        ),
        ("curl/8.5", ""),
        ("<script>" * 1000, ""),
    ],
)
def test_a_browser_is_kept_in_two_words(said: str, short: str) -> None:
    assert browser_of(said) == short
