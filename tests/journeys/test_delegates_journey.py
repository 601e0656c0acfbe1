"""A delegate enters an exchange that the person contests, in the browser; the mediator annuls it."""

from playwright.async_api import expect

from tenants.actors import Role
from tenants.platform.database import Database
from tests.factories import found_cooperative, give_mandate, join_member
from tests.journeys.conftest import Visitor, fits, shoot
from tests.marketplace.stories import balance
from tests.timebank.acting import HOUR, approved, in_days, proposed


async def test_a_delegate_enters_an_exchange_that_the_person_contests(
    database: Database, visitor: Visitor
) -> None:
    home = await found_cooperative(database, name="Le Puits")
    renee = await join_member(database, home, name="Renée Protégée")
    denis = await join_member(database, home, name="Denis Délégué")
    hugo = await join_member(database, home, name="Hugo Aidant")
    mediator = await give_mandate(
        database, home, await join_member(database, home, name="Mona Médiatrice"), Role.MEDIATOR
    )
    made = await proposed(database, home, renee.id, denis.id, until=in_days(60))
    await approved(database, made.id, mediator)
    path = f"/{home.slug}"
    async with visitor(home.manager) as manager:
        await manager.goto(f"{path}/delegations")
        await shoot(manager, "delegations")
        await manager.get_by_role("link", name="Denis Délégué pour Renée Protégée").click()
        await manager.get_by_role("button", name="Donner mon accord").click()
        await expect(manager.locator("h1")).to_contain_text("en vigueur")
        await shoot(manager, "delegation")
    async with visitor(denis, phone=True) as delegate:
        await delegate.goto(f"{path}/delegations/{made.id}")
        await fits(delegate)
        await delegate.get_by_role("link", name="Saisir un échange").click()
        await delegate.get_by_label("Qui a aidé").fill("Denis Délégué")
        await delegate.get_by_label("Durée de l’aide").fill("2 h")
        await delegate.get_by_label("Pour quoi").fill("Courses au marché")
        await delegate.get_by_role("button", name="Saisir cet échange").click()
        await expect(delegate.locator("#errors")).to_contain_text("quelqu’un d’autre doit saisir")
        await delegate.get_by_label("Qui a aidé").fill("hugo")
        await shoot(delegate, "enter")
        await delegate.get_by_role("button", name="Saisir cet échange").click()
        await expect(delegate.get_by_role("status")).to_contain_text("Saisi")
        await fits(delegate)
    assert await balance(database, hugo) == (2 * HOUR, 0)
    async with visitor(renee) as person:
        await person.goto(f"{path}/hours")
        await expect(person.locator("main")).to_contain_text("saisi par un tiers")
        await person.get_by_role("link", name="saisi par un tiers").click()
        await person.get_by_label("Ce qui n’est pas juste").fill("Personne n'est venu ce jour-là.")
        await shoot(person, "contest")
        await person.get_by_role("button", name="Contester cette saisie").click()
        await expect(person.get_by_role("status")).to_contain_text("retenues")
    assert await balance(database, hugo) == (2 * HOUR, 2 * HOUR)
    async with visitor(mediator, phone=True) as judge:
        await judge.goto(f"{path}/entries")
        await fits(judge)
        await judge.get_by_role("link", name="Renée Protégée conteste une saisie").click()
        await judge.get_by_text("Annuler la saisie").click()
        await judge.get_by_label("Votre décision").fill("Hugo le confirme : il n'est pas venu.")
        await fits(judge)
        await shoot(judge, "decide")
        await judge.get_by_role("button", name="Décider").click()
        await expect(judge.get_by_role("status")).to_contain_text("appliquée")
        await shoot(judge, "decided")
    assert await balance(database, hugo) == (0, 0)
    assert await balance(database, renee) == (0, 0)
