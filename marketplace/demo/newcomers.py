"""Members of one cooperative of the demo ask to join the other, and wait for its manager."""

from typing import Final

from marketplace.demo.road import Cast
from marketplace.demo.story import set_type
from tenants.join_requests import ask_to_join_signed_in
from tenants.platform.database import Database
from tenants.platform.ids import CooperativeId

ASKED: Final = (
    "Je déménage au printemps et j'aimerais continuer chez vous ce que je fais ici.",
    "Je suis souvent de passage chez ma sœur : je peux donner un coup de main une semaine par mois.",
)


async def tell_newcomers(database: Database, here: Cast, elsewhere: Cast) -> None:
    """Let the last members of ``elsewhere``, who have no mandate there, ask to join ``here``."""
    for somebody, words in zip(reversed(elsewhere.story.people), ASKED, strict=False):
        person_id = elsewhere.actors[somebody.name].person_id
        assert person_id is not None, "everybody in the demo has joined"
        async with database.begin(tenant=here.calendar.tenant_id, person=person_id) as db:
            await ask_to_join_signed_in(
                db,
                tenant_id=CooperativeId(here.calendar.tenant_id),
                person_id=person_id,
                display_name=somebody.name,
                message=set_type(words),
                territory=elsewhere.story.territory,
            )
