"""French elides before the names that are filled in, and touches nothing else."""

import pytest
from markupsafe import Markup

from tenants.platform.elisions import elided
from tenants.platform.templating import environment
from tenants.platform.words import _, use_locale


@pytest.mark.parametrize(
    ("sentence", "name", "said"),
    [
        ("Demande de {name}", "Aurore Le Meur", "Demande d’Aurore Le Meur"),
        ("Demande de {name}", "Émilie", "Demande d’Émilie"),
        ("Demande de {name}", "Hervé", "Demande d’Hervé"),
        ("Demande de {name}", "Hamid", "Demande de Hamid"),
        ("Demande de {name}", "Yann Le Goff", "Demande de Yann Le Goff"),
        ("Les membres de {name}", "Les Ateliers de la Rade", "Les membres des Ateliers de la Rade"),
        ("De {name}", "Le Puits", "Du Puits"),
        ("Remis à {name}", "Les Ateliers", "Remis aux Ateliers"),
        ("Remis à {name}", "Anne", "Remis à Anne"),
        ("Plus que {name}", "Anne", "Plus qu’Anne"),
        ("Avec {name}, de Brest", "Anne", "Avec Anne, de Brest"),
        ("{name}, l'équipe de {name}", "Le Puits", "Le Puits, l'équipe du Puits"),
        ("Grande {name}", "Anne", "Grande Anne"),
    ],
)
def test_a_name_is_joined_as_one_says_it(sentence: str, name: str, said: str) -> None:
    text, facts = elided(sentence, {"name": name})
    assert text.format(**facts) == said


def test_markup_and_numbers_are_left_alone() -> None:
    for value in (Markup("<b>Anne</b>"), 8):
        assert elided("de {name}", {"name": value}) == ("de {name}", {"name": value})


def test_python_and_templates_say_it_alike_in_french_alone() -> None:
    template = environment().from_string('{{ _("Réponse de %(name)s", name=name) }}')
    with use_locale("fr"):
        assert _("Reçu de {name}", name="Anne") == "Reçu d’Anne"
        assert template.render(name="Anne <b>") == "Réponse d’Anne &lt;b&gt;"
    with use_locale("en"):
        assert "Anne" in _("Reçu de {name}", name="Anne")
        assert "’" not in template.render(name="Anne")
