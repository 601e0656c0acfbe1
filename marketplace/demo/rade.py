"""Les Ateliers de la Rade, a SCIC in Brest. Everybody and everything in it is invented."""

from typing import Final

from marketplace.demo.story import COLLEGES, Somebody, Story, Told
from marketplace.mission_terms import MissionKind, MissionPlace
from marketplace.ownership import Ownership
from tenants.actors import Role
from tenants.cooperatives import LegalProfile
from tenants.platform.accents import Accent

ON_SITE: Final = MissionPlace.ON_SITE
REMOTE: Final = MissionPlace.REMOTE
OFFER: Final = MissionKind.OFFER
SERVICE: Final = Ownership.NOTHING_TO_OWN

PEOPLE: Final = (
    Somebody(
        "Yann Le Goff",
        "Charpentier de marine devenu coordinateur. Au local le mardi et le vendredi.",
        (),
        "gestion",
    ),
    Somebody(
        "Maëlle Kervella",
        "Graphiste et maquettiste. J'aime les livres, les affiches et les délais tenus.",
        (),
        "indépendante",
    ),
    Somebody(
        "Badis Hamdi", "Correcteur pour deux éditeurs, cours de français le soir.", (), "membre qui répond"
    ),
    Somebody(
        "Odile Marchand",
        "Comptable à la retraite, trésorière depuis trois ans.",
        (Role.TREASURER,),
        "trésorerie",
    ),
    Somebody("Soizic Prigent", "Conciliatrice, ancienne infirmière.", (Role.MEDIATOR,), "médiation"),
    Somebody("Erwan Tanguy", "Menuiserie et agencement de petits ateliers.", (Role.STEWARD,)),
    Somebody("Nolwenn Cariou", "J'anime les réunions et j'écris les comptes rendus.", (Role.FACILITATOR,)),
    Somebody("Chloé Kerdoncuff", "Développement web, sites sobres et durables."),
    Somebody("Ahmed Benali", "Électricien, dépannage et conseil."),
    Somebody("Gwenaëlle Salaün", "Couturière, retouches et rideaux."),
    Somebody("Thomas Riou", "Photographe, portraits et reportages."),
    Somebody("Anaïs Bihan", "Traductrice anglais et breton."),
    Somebody("Hervé Quéméner", "Maraîcher à Plougastel."),
    Somebody("Fatou Diop", "Conseil en alimentation collective."),
    Somebody("Loïc Abgrall", "Plombier-chauffagiste."),
    Somebody("Katell Guéguen", "Illustratrice jeunesse."),
    Somebody("Mickaël Rolland", "Vidéaste."),
    Somebody("Jeanne Postic", "Formatrice en bureautique."),
    Somebody("Rozenn Le Bras", "Relieuse."),
    Somebody("Denis Cloarec", "Jardinier paysagiste."),
    Somebody("Solène Morvan", "Ostéopathe."),
    Somebody("Pierrick Jaouen", "Réparateur de vélos."),
    Somebody("Aurore Le Meur", "Assistante administrative indépendante."),
    Somebody("Karim Haddad", "Cuisinier traiteur."),
    Somebody("Bleuenn Madec", "Céramiste."),
    Somebody("Alain Pennec", "Conducteur de travaux à la retraite."),
    Somebody("Morgane Floch", "Sophrologue."),
    Somebody("Vincent Guillou", "Ingénieur du son."),
    Somebody("Estelle Nédélec", "Juriste, droit des associations."),
    Somebody("Ronan Kermarrec", "Ébéniste."),
    Somebody("Laure Troadec", "Rédactrice."),
    Somebody("Samuel Corre", "Administrateur systèmes."),
    Somebody("Gaëlle Bothorel", "Fleuriste."),
    Somebody("Youenn Mazé", "Guide nature."),
    Somebody("Nadia Cherif", "Aide à domicile."),
    Somebody("Paul Simon", "Luthier."),
    Somebody("Armelle Jézéquel", "Professeure de musique."),
    Somebody("Tristan Le Gall", "Architecte d'intérieur."),
    Somebody("Maryse Podeur", "Retraitée, couture et lecture à voix haute."),
    Somebody("Ewen Bescond", "Apprenti menuisier."),
)

SKILLS: Final = (
    "Relecture et correction", "Graphisme", "Sites web", "Informatique du quotidien", "Photo et vidéo",
    "Traduction", "Comptabilité et paperasse", "Menuiserie", "Électricité et plomberie", "Couture",
    "Jardin", "Cuisine", "Transport et coups de main", "Cours et formation",
)  # fmt: skip

PAST: Final = (
    Told(
        "Retoucher douze portraits pour un trombinoscope",
        "Lumière inégale d'une photo à l'autre. Les fichiers font 6 Mo chacun.",
        150,
        ("Photo et vidéo",),
    ),
    Told(
        "Poser trois prises dans l'atelier",
        "Le tableau a deux départs libres. Le câble est acheté.",
        180,
        ("Électricité et plomberie",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Traduire en anglais une page d'accueil",
        "400 mots, un ton simple. Le public : des familles de passage.",
        90,
        ("Traduction",),
        REMOTE,
    ),
    Told(
        "Remettre d'aplomb une déclaration trimestrielle",
        "J'ai mélangé les recettes de deux activités. Il faut quelqu'un de patient.",
        120,
        ("Comptabilité et paperasse",),
    ),
    Told(
        "Couper et ourler des rideaux pour la salle commune",
        "Quatre fenêtres, tissu déjà lavé. La machine du local marche bien.",
        240,
        ("Couture",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Relire un dossier de subvention",
        "Dix-huit pages, à rendre le 15. Surtout le fil de l'argument.",
        150,
        ("Relecture et correction",),
        REMOTE,
    ),
    Told(
        "Apprendre à tenir un tableau de trésorerie",
        "Je pars de zéro avec un tableur libre. Deux séances d'une heure et demie.",
        180,
        ("Cours et formation",),
        kind=OFFER,
        ownership=SERVICE,
    ),
    Told(
        "Réparer la porte coulissante du local",
        "Le rail du haut est tordu. J'ai les outils mais pas le coup d'œil.",
        120,
        ("Menuiserie",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Filmer la présentation publique du projet",
        "Une captation simple, un plan fixe et le son propre. Durée : une heure.",
        210,
        ("Photo et vidéo",),
        ON_SITE,
    ),
    Told(
        "Tailler la haie derrière les ateliers",
        "Trente mètres. On évacue les branches ensemble.",
        180,
        ("Jardin",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Installer un système libre sur deux vieux portables",
        "Pour les prêter à ceux qui n'en ont pas. Ils ont 4 Go de mémoire.",
        150,
        ("Informatique du quotidien",),
        ownership=SERVICE,
    ),
    Told(
        "Dessiner un logo pour la conserverie",
        "Une sardine, mais pas la même que tout le monde. Deux pistes suffisent.",
        360,
        ("Graphisme",),
    ),
    Told(
        "Préparer un repas pour vingt bénévoles",
        "Cuisine équipée sur place. Un tiers de végétariens.",
        300,
        ("Cuisine",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Déménager un four de céramiste",
        "180 kg, rez-de-chaussée à rez-de-chaussée. Il faut une sangle et un diable.",
        120,
        ("Transport et coups de main",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Mettre en page un livret de recettes",
        "Seize pages, textes et photos fournis. Sortie en noir et une couleur.",
        300,
        ("Graphisme",),
    ),
    Told(
        "Écrire la biographie courte de six artisans",
        "Six fois 600 signes, après un appel d'un quart d'heure avec chacun.",
        240,
        ("Relecture et correction",),
        REMOTE,
    ),
    Told(
        "Changer le joint d'un lave-mains",
        "Ça goutte, et le bac déborde le week-end.",
        45,
        ("Électricité et plomberie",),
        ON_SITE,
        ownership=SERVICE,
    ),
    Told(
        "Initiation à la reliure cousue",
        "Une matinée pour quatre personnes, papier fourni.",
        180,
        ("Cours et formation",),
        ON_SITE,
        kind=OFFER,
        ownership=SERVICE,
    ),
    Told(
        "Photographier trente pièces de céramique",
        "Fond blanc, deux angles par pièce, pour la boutique en ligne.",
        240,
        ("Photo et vidéo",),
        ON_SITE,
    ),
    Told(
        "Sous-titrer un entretien de vingt minutes",
        "Le son est bon, l'accent prononcé. Format SRT.",
        150,
        ("Photo et vidéo",),
        REMOTE,
    ),
    Told(
        "Fabriquer deux bibliothèques basses",
        "En peuplier, 120 par 80, pour le coin lecture.",
        480,
        ("Menuiserie",),
        ON_SITE,
    ),
)

PRESENT: Final = {
    "draft": Told("Refaire la signalétique du hangar", "Sept panneaux, du fléchage au tableau d'accueil.\n\nJe dois encore mesurer les supports.", 360, ("Graphisme", "Menuiserie"), ON_SITE),
    "open_new": Told("Numériser deux cartons de diapositives", "Environ 400 vues des chantiers navals, années soixante-dix. Je prête la visionneuse ; il faudrait un scanner de film.\n\n- un fichier par vue\n- les dates sont au dos des cadres", 480, ("Photo et vidéo",), public=True),
    "open_one": Told("Expliquer une facture d'énergie à des locataires", "Une réunion d'une heure et demie en pied d'immeuble, une quinzaine de personnes. Un langage de tous les jours, sans sigles.", 120, ("Cours et formation",), ON_SITE, ownership=SERVICE, bid="Je l'ai fait à Recouvrance au printemps, avec des factures agrandies au mur. Le jeudi soir me va."),
    "open_many": Told("Relire la plaquette d'un atelier de reliure", "Douze pages, surtout **la cohérence des titres** et les dernières fautes. Le texte est court, mais il doit être impeccable avant l'imprimeur.\n\nLe fichier est un PDF ; des notes dans la marge suffisent.", 150, ("Relecture et correction",), REMOTE, public=True, bid="Je relis pour deux éditeurs et je peux m'y mettre jeudi. Je rends un PDF annoté et la liste des choix à unifier."),
    "open_offer": Told("Une heure d'aide pour vos papiers en ligne", "Caisse d'allocations, impôts, carte grise : je m'assieds à côté de vous et on fait ensemble. Rien n'est fait à votre place sans vous.", 60, ("Informatique du quotidien", "Comptabilité et paperasse"), ON_SITE, kind=OFFER, ownership=SERVICE, public=True, bid="Pour ma demande d'aide au logement. Je suis libre le mercredi matin."),
    "agreed": Told("Tester la nouvelle boutique en ligne", "Passer cinq commandes fictives, sur téléphone surtout, et noter tout ce qui accroche.", 90, ("Sites web",), REMOTE, bid="Je teste avec mon vieux téléphone et un lecteur d'écran. Compte rendu sous trois jours."),
    "under_way": Told("Composer l'affiche de la fête des ateliers", "Format 40 x 60, deux couleurs. L'an dernier, on l'a vue de loin : c'est ce qu'il faut garder.", 300, ("Graphisme",), bid="Je propose deux pistes en noir et une couleur, puis on choisit ensemble."),
    "delivered": Told("Installer une étagère de stockage", "Trois niveaux, charge lourde. Le mur est en parpaing.", 120, ("Menuiserie",), ON_SITE, bid="Je viens avec les chevilles et le niveau laser.", note="L'étagère tient 80 kg par niveau. Il a fallu renforcer le bas du mur, d'où la demi-heure de plus.", ownership=SERVICE),
    "delivered_waits": Told("Écrire une lettre à l'assurance après un dégât des eaux", "J'ai les photos et le constat. Il faut que ce soit ferme et poli.", 60, ("Relecture et correction",), REMOTE, bid="J'en ai écrit quelques-unes. Envoyez-moi le constat.", note="Lettre et accusé de réception prêts, avec la liste des pièces."),
    "disputed": Told("Nettoyer et réparer quatre vélos de prêt", "Freins, câbles, chambres à air. Les pièces sont dans la caisse bleue.", 240, (), ON_SITE, bid="Je m'en occupe à l'atelier, comptez une heure par vélo.", note="Les quatre sont passés sur le pied. Deux ont besoin d'une roue neuve.", ownership=SERVICE),
    "mediated": Told("Monter une vidéo de présentation", "Deux minutes, à partir de nos images de l'été.", 300, ("Photo et vidéo",), REMOTE, note="Version longue livrée."),
    "withdrawn": Told("Chercher un local plus grand", "On a finalement signé pour le bâtiment d'à côté.", 240),
    "expired": Told("Covoiturage pour le salon de Rennes", "Deux places cherchées, départ tôt le samedi.", 60, ("Transport et coups de main",), ON_SITE, ownership=SERVICE),
    "team": Told("Monter l'exposition des ateliers", "Quatorze panneaux à accrocher, les cartels à composer, la lumière à régler.", 475, ("Menuiserie",), ON_SITE, bid="À trois nous le faisons en une journée : je coordonne et j'accroche, les deux autres aux cartels et à la lumière.", ownership=SERVICE),
    "stopping": Told("Dessiner le plan d'un jardin partagé", "800 mètres carrés, une pente douce, un puits.", 240, ("Jardin",), bid="Je viens mesurer samedi."),
    "settled": Told("Mettre en page quatre fiches de cours", "Le texte est prêt ; il faudrait de l'air et de vrais titres.", 60, ("Graphisme",), REMOTE, bid="Envoyez-moi le texte, je vous rends un premier jet demain.", note="Quatre fiches, et le modèle pour les suivantes."),
    "silent": Told("Vérifier une traduction en breton", "Une page, pour un panneau d'exposition.", 45, ("Traduction",), REMOTE, note="Deux tournures reprises, le reste est juste."),
}  # fmt: skip

EXCHANGES: Final = (
    ("Deux trajets à la déchetterie", 60), ("Garde du chien pendant la foire", 120), ("Coup de main sur le marché", 180),
    ("Cours de guitare", 60), ("Lessive et repassage des nappes", 90), ("Réparation d'un pneu, et le café", 30),
    ("Courses pour une voisine", 45), ("Prêt et livraison de la bétonnière", 60), ("Séance photo en famille", 90),
    ("Aide à la déclaration d'impôts", 75), ("Montage d'un meuble", 60), ("Taille de deux pommiers", 120),
    ("Relecture d'un mémoire", 180), ("Gâteau d'anniversaire pour douze", 90), ("Accompagnement à la préfecture", 150),
    ("Réglage d'une machine à coudre", 45), ("Initiation au tour de potier", 120), ("Sauvegarde d'un téléphone", 30),
)  # fmt: skip

GIFTS: Final = (
    ("Pour ceux qui débutent", 120), ("Je n'en aurai pas l'usage cette année", 180), ("En souvenir d'un bon coup de main", 60),
    ("Pour les ateliers numériques", 90), ("Merci à la coopérative", 60), ("", 45),
)  # fmt: skip

OPEN: Final = (
    Told("Refaire l'électricité d'un établi", "Six prises et une rampe d'éclairage ; le coffret est là.", 240, ("Électricité et plomberie",), ON_SITE, ownership=SERVICE),
    Told("Apprendre les bases de la soudure à l'arc", "Le samedi matin, deux personnes à la fois, masques fournis.", 180, ("Cours et formation",), ON_SITE, kind=OFFER, ownership=SERVICE),
    Told("Composer le menu d'une semaine pour un centre de loisirs", "Quarante enfants, deux allergies, un petit budget.", 150, ("Cuisine",), REMOTE),
    Told("Porter et monter un piano droit", "Premier étage, escalier large. À quatre, ça passe.", 90, ("Transport et coups de main",), ON_SITE, ownership=SERVICE),
)  # fmt: skip

RADE: Final = Story(
    slug="ateliers-de-la-rade",
    name="Les Ateliers de la Rade",
    legal_profile=LegalProfile.SCIC,
    rules={"governance.college_weights": COLLEGES},
    territory="29",
    accent=Accent.OCEAN,
    presentation=(
        "Une quarantaine d'artisans, d'indépendantes et de voisins autour de la rade de Brest. Nous partageons un "
        "hangar, des machines et, depuis 2019, un **cahier d'heures** : une heure donnée vaut une heure reçue.\n\n"
        "Le cahier est passé dans Archipel ; les échanges des derniers mois y ont été recopiés."
    ),
    people=PEOPLE,
    skills=SKILLS,
    past=PAST,
    present=PRESENT,
    exchanges=EXCHANGES,
    gifts=GIFTS,
    open=OPEN,
    search=("Numériser, mettre en page", "numériser"),
)
