"""The time bank's operations in the JSON API."""

from typing import Final

from timebank.api import entries, hours, pot, pot_requests, treasury, write_offs
from timebank.hot_transfers import post_transfer

API: Final = [
    post_transfer,
    *hours.API,
    *entries.API,
    *pot.API,
    *pot_requests.API,
    *treasury.API,
    *write_offs.API,
]
