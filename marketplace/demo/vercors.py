"""La Fabrique du Vercors, an association in the Drôme. Everybody and everything in it is invented."""

from typing import Final

from marketplace.demo.story import Somebody, Story, Told
from marketplace.mission_terms import MissionKind, MissionPlace
from marketplace.ownership import Ownership
from tenants.actors import Role
from tenants.cooperatives import LegalProfile
from tenants.platform.accents import Accent

ON_SITE: Final = MissionPlace.ON_SITE
REMOTE: Final = MissionPlace.REMOTE
OFFER: Final = MissionKind.OFFER
SERVICE: Final = Ownership.NOTHING_TO_OWN
FREE: Final = Ownership.FREE_LICENCE

PEOPLE: Final = (
    Somebody("Hélène Chastel", "J'accueille, j'oriente, je tiens les clés.", (), "gestion"),
    Somebody("Camille Roussel", "Cartographe et géomaticienne indépendante.", (), "indépendante"),
    Somebody("Rachid Amrani", "Gestionnaire de paie, trésorier.", (Role.TREASURER,)),
    Somebody("Brigitte Faure", "Médiatrice familiale, installée à Die.", (Role.MEDIATOR,)),
    Somebody("Julien Morel", "Berger et tondeur de brebis.", (Role.OBSERVER,)),
    Somebody("Pauline Arnaud", "Herboriste.", (Role.STEWARD,)),
    Somebody("Étienne Blanc", "Accompagnateur en montagne."),
    Somebody("Sofia Marquez", "Développeuse, logiciels libres."),
    Somebody("Lucas Ferrand", "Boulanger."),
    Somebody("Marion Eymard", "Institutrice et conteuse."),
    Somebody("Bernard Jullien", "Apiculteur."),
    Somebody("Aïcha Diallo", "Coiffeuse à domicile."),
    Somebody("Guillaume Serre", "Maçon, enduits à la chaux."),
    Somebody("Claire Peyrard", "Graphiste."),
    Somebody("Mathieu Lombard", "Mécanicien agricole."),
    Somebody("Élodie Vial", "Naturopathe."),
    Somebody("Jean-Marc Terrail", "Viticulteur en bio."),
    Somebody("Sandrine Odet", "Secrétaire de mairie."),
    Somebody("Kévin Barral", "Réparateur d'électroménager."),
    Somebody("Lison Reynier", "Tisserande."),
    Somebody("Omar Sy Traoré", "Cuisinier."),
    Somebody("Delphine Gontard", "Sage-femme."),
    Somebody("Baptiste Mège", "Cordiste."),
    Somebody("Irène Vallon", "Correctrice."),
    Somebody("Florent Chaix", "Scieur mobile."),
    Somebody("Agathe Rolland", "Photographe."),
    Somebody("Nicolas Bayle", "Électricien."),
    Somebody("Josiane Robert", "Retraitée des postes, bricole et tricote."),
    Somebody("Simon Achard", "Musicien."),
    Somebody("Léa Combe", "Animatrice jeunesse."),
    Somebody("Didier Girard", "Chauffeur de car."),
    Somebody("Manon Pellat", "Savonnière."),
    Somebody("Yvan Kowalski", "Tailleur de pierre."),
    Somebody("Sylvie Magnan", "Infirmière."),
    Somebody("Théo Brun", "Étudiant en géographie."),
    Somebody("Catherine Liotard", "Traductrice d'italien."),
    Somebody("Olivier Ravel", "Fontainier."),
    Somebody("Ninon Giraud", "Potière."),
    Somebody("Malik Ouali", "Conseiller numérique."),
    Somebody("Anne Deschamps", "Bibliothécaire."),
)

SKILLS: Final = (
    "Cartes et données", "Logiciels libres", "Animaux", "Bois et pierre", "Jardin et plantes", "Cuisine et pain",
    "Transport", "Santé et bien-être", "Écriture", "Image", "Musique et contes", "Mécanique", "Numérique pas à pas",
)  # fmt: skip

PAST: Final = (
    Told(
        "Tracer la carte des sentiers de la commune",
        "Format A3, fond libre, les sources et les passages à gué.",
        360,
        ("Cartes et données",),
        ownership=FREE,
    ),
    Told(
        "Tondre vingt brebis",
        "Parc monté, courant à proximité. La laine reste chez nous.",
        240,
        ("Animaux",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Réparer le four du fournil",
        "Il coupe au bout de vingt minutes. Le thermostat a déjà été changé.",
        150,
        ("Mécanique",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Reprendre un mur en pierres sèches",
        "Trois mètres effondrés, les pierres sont au pied.",
        480,
        ("Bois et pierre",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Raconter des histoires à la bibliothèque",
        "Quarante-cinq minutes pour les cinq à huit ans.",
        90,
        ("Musique et contes",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Mettre au propre un fichier d'adhérents",
        "320 lignes, beaucoup de doublons et d'accents perdus.",
        120,
        ("Numérique pas à pas",),
        REMOTE,
    ),
    Told(
        "Traduire une fiche de gîte en italien",
        "Une page et demie, ton chaleureux.",
        75,
        ("Écriture",),
        REMOTE,
    ),
    Told(
        "Scier quatre grumes de mélèze",
        "Sur place, accès tracteur. Planches de 27.",
        300,
        ("Bois et pierre",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Apprendre à greffer des pommiers",
        "Un samedi de mars, porte-greffes fournis.",
        180,
        ("Jardin et plantes",),
        ON_SITE,
        kind=OFFER,
        ownership=SERVICE,
    ),
    Told(
        "Installer un agenda partagé pour le fournil",
        "Trois personnes, des téléphones différents.",
        90,
        ("Logiciels libres",),
        REMOTE,
        ownership=SERVICE,
    ),
    Told(
        "Conduire sept personnes à Valence",
        "Rendez-vous médicaux, retour en début d'après-midi.",
        180,
        ("Transport",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Photographier la transhumance",
        "Départ à cinq heures, deux heures de marche.",
        300,
        ("Image",),
        ON_SITE,
        ownership=Ownership.SHARED,
    ),
    Told("Composer trois étiquettes de savon", "Formats et textes légaux fournis.", 180, ("Image",), REMOTE),
    Told(
        "Écrire un article pour le journal local",
        "3 000 signes sur la source du village.",
        150,
        ("Écriture",),
    ),
    Told(
        "Faire le pain d'une fête, soixante personnes",
        "Farine de la vallée, four à bois.",
        300,
        ("Cuisine et pain",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Poser une pompe de relevage",
        "Cave humide, arrivée électrique aux normes.",
        150,
        ("Mécanique",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Initiation au logiciel de cartographie",
        "Deux heures, votre ordinateur suffit.",
        120,
        ("Cartes et données",),
        kind=OFFER,
        ownership=FREE,
    ),
    Told(
        "Accompagner une sortie de nuit",
        "Quinze enfants, chouettes et étoiles.",
        180,
        (),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Relire un mode d'emploi de ruche",
        "Huit pages techniques, à rendre lisibles.",
        120,
        ("Écriture",),
        REMOTE,
    ),
    Told(
        "Enduire un mur à la chaux",
        "Douze mètres carrés, intérieur.",
        360,
        ("Bois et pierre",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Sonoriser un bal",
        "Petite scène, deux micros, un accordéon.",
        240,
        ("Musique et contes",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Trier et étiqueter un herbier",
        "Deux cents planches, noms latins à vérifier.",
        300,
        ("Jardin et plantes",),
    ),
)

PRESENT: Final = {
    "draft": Told("Recenser les fontaines du canton", "Avec les habitants, à pied. Je prépare la fiche de relevé.", 480, ("Cartes et données",), ownership=FREE),
    "open_new": Told("Reboucher les ornières du chemin d'accès", "Une centaine de mètres après l'orage. Le gravier arrive jeudi.", 180, (), ON_SITE, ownership=SERVICE),
    "open_one": Told("Monter un serveur de photos familial", "Un petit ordinateur, deux disques. Je voudrais comprendre ce qu'on fait.", 180, ("Logiciels libres",), bid="On le monte ensemble, et vous repartez avec une feuille qui dit tout."),
    "open_many": Told("Dessiner la carte des producteurs", "Vingt-deux fermes et ateliers, une feuille pliée en quatre. **Lisible à bout de bras** au marché.\n\nJ'ai les adresses et les horaires dans un tableau.", 420, ("Cartes et données", "Image"), public=True, ownership=FREE, bid="Je peux partir d'un fond libre et dessiner les repères à la main."),
    "open_offer": Told("Coupe de cheveux à domicile", "Pour les personnes qui se déplacent mal. Le lundi, entre Saillans et Die.", 45, ("Santé et bien-être",), ON_SITE, kind=OFFER, ownership=SERVICE, public=True, bid="Pour mon père, lundi prochain si possible."),
    "agreed": Told("Vérifier l'installation d'un gîte", "Tableau, prises de terre, un avis franc.", 120, ("Mécanique",), ON_SITE, ownership=SERVICE, bid="Je passe mercredi matin avec le testeur."),
    "under_way": Told("Écrire le règlement du jardin collectif", "Deux pages, sans jargon, avec ce que nous avons déjà décidé.", 150, ("Écriture",), REMOTE, bid="Je vous interroge une demi-heure et je rédige."),
    "delivered": Told("Remettre en route une vieille débroussailleuse", "Elle démarre et cale. Le carburateur est neuf.", 60, ("Mécanique",), ON_SITE, ownership=SERVICE, bid="Je la prends ce soir.", note="C'était le filtre. Elle a tourné une heure sans caler ; j'y ai passé un quart d'heure de plus."),
    "delivered_waits": Told("Nettoyer un fichier de tracés GPS", "Soixante traces, des trous et des allers-retours.", 150, ("Cartes et données",), REMOTE, bid="Je rends un fichier par sentier, et ce que j'ai supprimé.", note="Cinquante-huit traces gardées, deux sont vides."),
    "disputed": Told("Tailler une rangée de fruitiers", "Onze arbres, taille d'hiver, le bois reste sur place.", 240, ("Jardin et plantes",), ON_SITE, bid="Je viens avec l'échelle.", note="Les onze sont faits, un peu courts pour les deux plus vieux.", ownership=SERVICE),
    "mediated": Told("Refaire l'étanchéité d'un abri", "Toile goudronnée fournie.", 240, ("Bois et pierre",), ON_SITE, note="Posée avant la pluie.", ownership=SERVICE),
    "withdrawn": Told("Prêter un vidéoprojecteur", "Trouvé entre-temps à la bibliothèque.", 30),
    "expired": Told("Ramasser les noix de la commune", "Trois après-midi d'octobre, partage de la récolte.", 180, ("Jardin et plantes",), ON_SITE, ownership=SERVICE),
    "stopping": Told("Construire un poulailler mobile", "Quatre poules, deux roues.", 360, ("Bois et pierre",), ON_SITE, bid="J'ai les planches, je commence samedi."),
    "settled": Told("Dessiner un plan d'accès à la salle", "Une demi-page, pour l'invitation à la fête.", 60, ("Cartes et données",), REMOTE, bid="Je pars d'un fond libre, vous l'avez ce soir.", note="Deux versions : en couleurs, et pour la photocopieuse."),
    "silent": Told("Corriger un menu de fête", "Une page recto verso.", 30, ("Écriture",), REMOTE, note="Trois accents et une virgule."),
}  # fmt: skip

EXCHANGES: Final = (
    ("Un trajet à la gare", 60), ("Confitures et bocaux", 45), ("Garde des enfants un mercredi", 240),
    ("Bois fendu et rangé", 120), ("Deux heures d'accordéon", 120), ("Soins aux ruches pendant l'absence", 60),
    ("Aide aux vendanges", 240), ("Réparation d'un grille-pain", 30), ("Ménage de printemps au gîte", 180),
    ("Une carte pour le mariage", 90), ("Tonte de deux brebis", 45), ("Livraison de pain à vélo", 60),
    ("Conseils pour un potager", 60), ("Cours d'italien", 60), ("Dépannage d'ordinateur", 45),
    ("Couture d'une toile de yourte", 150),
)  # fmt: skip

GIFTS: Final = (
    ("Pour la caisse, après une belle récolte", 120), ("Merci pour l'accueil", 60), ("", 30),
    ("Pour que d'autres commencent", 90), ("En échange du prêt de la salle", 60),
)  # fmt: skip

OPEN: Final = (
    Told("Réparer deux ruchettes", "Un plancher et une charnière ; le bois est coupé.", 90, ("Bois et pierre",), ON_SITE, ownership=SERVICE),
    Told("Numéro d'accordéon pour un anniversaire", "Une demi-heure, samedi en huit, à Saillans.", 60, ("Musique et contes",), ON_SITE, ownership=SERVICE),
    Told("Prendre en main votre téléphone", "À la bibliothèque, le mardi. Venez avec vos questions.", 60, ("Numérique pas à pas",), ON_SITE, kind=OFFER, ownership=SERVICE),
    Told("Relever les sources à sec", "Quatre vallons à parcourir, une photo et une position pour chacune.", 300, ("Cartes et données",), ON_SITE, ownership=FREE, public=True),
)  # fmt: skip

VERCORS: Final = Story(
    slug="fabrique-du-vercors",
    name="La Fabrique du Vercors",
    legal_profile=LegalProfile.ASSOCIATION,
    territory="26",
    accent=Accent.FOREST,
    presentation=(
        "Entre Crest et Die, une association d'entraide et de métiers : bergers, artisanes, conseillers, retraitées. "
        "Nous comptons en heures depuis le premier fournil partagé.\n\n"
        "Nos échanges de l'été et de l'automne ont été repris ici depuis nos anciennes feuilles."
    ),
    people=PEOPLE,
    skills=SKILLS,
    past=PAST,
    present=PRESENT,
    exchanges=EXCHANGES,
    gifts=GIFTS,
    open=OPEN,
    search=("Sur le terrain", "chemin"),
)
