"""Somebody of one cooperative of the demo asks to join the other, and waits for its manager."""

from marketplace.demo.road import Cast
from marketplace.demo.story import set_type
from tenants.join_requests import ask_to_join_signed_in
from tenants.platform.database import Database
from tenants.platform.ids import CooperativeId


async def tell_newcomers(database: Database, here: Cast, elsewhere: Cast) -> None:
    """Let the last member of ``elsewhere``, who has no mandate there, ask to join ``here``."""
    somebody = elsewhere.story.people[-1]
    person_id = elsewhere.actors[somebody.name].person_id
    assert person_id is not None, "everybody in the demo has joined"
    async with database.begin(tenant=here.calendar.tenant_id, person=person_id) as db:
        await ask_to_join_signed_in(
            db,
            tenant_id=CooperativeId(here.calendar.tenant_id),
            person_id=person_id,
            display_name=somebody.name,
            message=set_type(
                "Je déménage au printemps et j'aimerais continuer chez vous ce que je fais ici."
            ),
            territory=here.story.territory,
        )
