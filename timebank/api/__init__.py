"""The time bank's operations in the JSON API."""

from typing import Final

from timebank.api import hours, treasury, write_offs
from timebank.hot_transfers import post_transfer

API: Final = [post_transfer, *hours.API, *treasury.API, *write_offs.API]
