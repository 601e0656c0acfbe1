from collections import Counter

from tenants.platform.territories import TERRITORIES, territories_by_region, territory_name


def test_there_are_one_hundred_and_one_departments_in_eighteen_regions() -> None:
    assert len(TERRITORIES) == 101
    assert len({territory.region for territory in TERRITORIES.values()}) == 18


def test_the_codes_are_those_of_insee() -> None:
    mainland = {f"{number:02d}" for number in range(1, 96)} - {"20"} | {"2A", "2B"}
    assert set(TERRITORIES) == mainland | {"971", "972", "973", "974", "976"}


def test_the_regions_have_the_number_of_departments_that_the_law_of_2015_gave_them() -> None:
    sizes = Counter(territory.region for territory in TERRITORIES.values())
    assert sizes == {
        "Auvergne-Rhône-Alpes": 12,
        "Bourgogne-Franche-Comté": 8,
        "Bretagne": 4,
        "Centre-Val de Loire": 6,
        "Corse": 2,
        "Grand Est": 10,
        "Hauts-de-France": 5,
        "Île-de-France": 8,
        "Normandie": 5,
        "Nouvelle-Aquitaine": 12,
        "Occitanie": 13,
        "Pays de la Loire": 5,
        "Provence-Alpes-Côte d'Azur": 6,
        "Guadeloupe": 1,
        "Martinique": 1,
        "Guyane": 1,
        "La Réunion": 1,
        "Mayotte": 1,
    }


def test_no_two_departments_share_a_name() -> None:
    assert len({territory.name for territory in TERRITORIES.values()}) == 101


def test_a_department_is_named_with_its_code() -> None:
    assert territory_name("29") == "Finistère (29)"
    assert territory_name("2A") == "Corse-du-Sud (2A)"
    assert territory_name("99") == "99"


def test_the_list_of_a_form_is_alphabetical_accents_apart() -> None:
    regions = territories_by_region()
    assert list(regions)[:3] == ["Auvergne-Rhône-Alpes", "Bourgogne-Franche-Comté", "Bretagne"]
    assert list(regions).index("Île-de-France") == list(regions).index("Guyane") + 2
    assert [one.name for one in regions["Bretagne"]] == [
        "Côtes-d'Armor",
        "Finistère",
        "Ille-et-Vilaine",
        "Morbihan",
    ]
    assert sum(len(names) for names in regions.values()) == 101
