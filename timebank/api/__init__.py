"""The time bank's operations in the JSON API."""

from typing import Final

from timebank.api import hours, treasury
from timebank.hot_transfers import post_transfer

API: Final = [post_transfer, *hours.API, *treasury.API]
