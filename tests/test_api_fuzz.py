"""Schemathesis over the whole API: no 500, and every answer as the OpenAPI document says it is."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
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

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
)
EXAMPLES_EACH = 25


@pytest.fixture(scope="module")
async def slug_and_token(database: Database) -> tuple[str, str]:
    home = await found_cooperative(database, name="Mise à l'épreuve")
    member = await live_in(database, home)
    return home.slug, await api_token(database, member, *SCOPES)


@pytest.fixture(scope="module")
def api(archipel: Running) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{archipel.base_url}/api/v1/openapi.json")


schema = schemathesis.pytest.from_fixture("api")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES_EACH,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_keeps_its_promises(case: schemathesis.Case, slug_and_token: tuple[str, str]) -> None:
    slug, token = slug_and_token
    if "cooperative" in case.path_parameters:
        case.path_parameters["cooperative"] = slug
    case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)
