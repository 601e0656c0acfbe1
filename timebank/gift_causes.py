"""The causes that gifts and the pot's help carry in the ledger. This file must never import a table."""

from typing import Final

GIFT: Final = "gift"
POT_GRANT: Final = "pot_grant"
POT_REQUEST: Final = "pot_request"
STARTING_GIFT: Final = "starting_gift"
