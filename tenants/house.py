"""The house: what the application holds for its whole life. This file must never know of a request."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tenants.platform.database import Database
from tenants.platform.sealing import Seal
from tenants.platform.settings import Settings
from tenants.platform.templating import NavigationItem
from tenants.platform.throttle import Throttle

if TYPE_CHECKING:
    from tenants.visit import Visit


@dataclass(frozen=True)
class House:
    """What the application holds for its whole life, handed down to each visit."""

    settings: Settings
    database: Database
    throttle: Throttle
    navigation: "Callable[[Visit], Sequence[NavigationItem]]"

    @cached_property
    def seal(self) -> Seal:
        """What seals the secrets of second factors."""
        return Seal(self.settings.secret_key, purpose="second factor")
