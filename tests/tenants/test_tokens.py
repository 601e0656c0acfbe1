"""API tokens: shown once, scoped, ending, and each member's own."""

import pytest
from sqlalchemy import select

from tenants.actors import Actor
from tenants.platform.database import Database
from tenants.platform.errors import NotAllowed, NotFound
from tenants.tokens import ApiToken, LifeUnfit, UnknownScope, api_tokens, create_api_token, revoke_api_token
from tests import factories


async def test_the_secret_is_kept_nowhere(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    secret = await factories.api_token(database, coop.manager, "hours:write", "profile:read")
    async with database.begin(tenant=coop.tenant_id) as db:
        token = (await db.scalars(select(ApiToken))).one()
    assert secret.startswith("archipel_")
    assert len(secret) >= 50
    assert (token.prefix, token.scopes) == (secret[:13], ["profile:read", "hours:write"])
    assert secret not in {str(value) for value in vars(token).values()}


@pytest.mark.parametrize("scopes", [[], ["everything"], ["hours:read", "x"]])
async def test_a_scope_that_does_not_exist_is_refused(database: Database, scopes: list[str]) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(UnknownScope):
            await create_api_token(db, actor=coop.manager.actor, name="x", scopes=scopes, days=3)


@pytest.mark.parametrize("days", [0, -1, 367])
async def test_a_token_lives_from_a_day_to_a_year(database: Database, days: int) -> None:
    coop = await factories.found_cooperative(database)
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(LifeUnfit):
            await create_api_token(db, actor=coop.manager.actor, name="x", scopes=["hours:read"], days=days)


async def test_a_token_cannot_make_a_token(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    manager = coop.manager.actor
    bearer = Actor(
        manager.tenant_id,
        manager.membership_id,
        manager.person_id,
        manager.roles,
        frozenset({"profile:read"}),
    )
    async with database.begin(tenant=coop.tenant_id) as db:
        with pytest.raises(NotAllowed):
            await create_api_token(db, actor=bearer, name="x", scopes=["hours:write"], days=3)


async def test_a_member_sees_and_revokes_their_own_tokens_alone(database: Database) -> None:
    coop = await factories.found_cooperative(database)
    member = await factories.join_member(database, coop)
    await factories.api_token(database, member, "hours:read")
    async with database.begin(tenant=coop.tenant_id) as db:
        assert await api_tokens(db, actor=coop.manager.actor) == []
        (token,) = await api_tokens(db, actor=member.actor)
        with pytest.raises(NotFound):
            await revoke_api_token(db, actor=coop.manager.actor, token_id=token.id)
        await revoke_api_token(db, actor=member.actor, token_id=token.id)
        assert await api_tokens(db, actor=member.actor) == []
        with pytest.raises(NotFound):
            await revoke_api_token(db, actor=member.actor, token_id=token.id)
