"""Schemathesis over the whole API: no 500, and every answer as the OpenAPI document says it is."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tenants.platform.database import Database
from tenants.tokens import SCOPES
from tests.factories import api_token, found_cooperative
from tests.lived_in import live_in
from tests.running import Running

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES_EACH = 25


@pytest.fixture(scope="module")
async def slug_and_token(database: Database) -> tuple[str, str]:
    home = await found_cooperative(database, name="Mise à l'épreuve")
    member = await live_in(database, home)
    return home.slug, await api_token(database, member, *SCOPES)


def test_every_operation_keeps_its_promises(archipel: Running, slug_and_token: tuple[str, str]) -> None:
    slug, token = slug_and_token
    schema = schemathesis.openapi.from_url(f"{archipel.base_url}/api/v1/openapi.json")
    failures: dict[str, str] = {}
    tried = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        tried += 1

        @settings(
            max_examples=EXAMPLES_EACH,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def try_it(case: schemathesis.Case[Any]) -> None:
            if "cooperative" in case.path_parameters:
                case.path_parameters["cooperative"] = slug
            case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)

        try:
            try_it()
        except (AssertionError, BaseExceptionGroup) as failure:
            failures[operation.label] = str(failure)[:600]
    assert tried > 40
    assert not failures, "\n\n".join(f"{label}: {why}" for label, why in failures.items())
