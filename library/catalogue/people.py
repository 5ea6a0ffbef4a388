"""Other names of authors in the listing: pen names, other transliterations, the short names of Latin writers.

Only names that abbreviations and missing first names do not already explain (folding.names_agree).
"""

from collections.abc import Iterable

from library.catalogue.folding import fold_name, names_agree

# Folded name in the listing -> other names.
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "alexander pushkin": ("Aleksandr Pushkin",),
    "andre norton": ("Andrew North",),
    "anne bronte": ("Acton Bell",),
    "anton chekhov": ("Anton Tchekhov", "Anton Tchekoff", "Anton Čechov"),
    "charlotte bronte": ("Currer Bell",),
    "dallas mccord reynolds": ("Mack Reynolds",),
    "emily bronte": ("Ellis Bell",),
    "fyodor dostoyevsky": ("Fyodor Dostoevsky", "Fyodor Dostoevskii", "Fedor Dostojewski"),
    "gaius sallustius crispus": ("Sallust",),
    "george eliot": ("Mary Ann Evans", "Marian Evans"),
    "harold goodwin": ("John Blaine",),
    "howard r garis": ("Lester Chadwick",),
    "jacob and wilhelm grimm": (
        "Jacob Grimm",
        "Brothers Grimm",
        "The Brothers Grimm",
        "Gebrüder Grimm",
        "Brüder Grimm",
    ),
    "l frank baum": ("Edith Van Dyne", "Laura Bancroft"),
    "laozi": ("Lao Tzu", "Lao Tse", "Lao-Tze"),
    "leo tolstoy": ("Lev Tolstoy", "Leo Tolstoi", "Lev Tolstoi"),
    "lewis carroll": ("Charles Lutwidge Dodgson",),
    "lucius mestrius plutarchus": ("Plutarch",),
    "marcus fabius quintilianus": ("Quintilian",),
    "mark twain": ("Samuel Langhorne Clemens",),
    "maxim gorky": ("Maksim Gorky", "Maxim Gorki"),
    "miguel de cervantes saavedra": ("Miguel de Cervantes",),
    "mildred a wirt benson": ("Mildred A. Wirt",),
    "moliere": ("Jean-Baptiste Poquelin",),
    "multatuli": ("Eduard Douwes Dekker",),
    "noel e sainsbury": ("Dorothy Wayne",),
    "o henry": ("William Sydney Porter",),
    "pansy": ("Isabella Macdonald Alden",),
    "pliny the elder": ("Pliny",),
    "publius ovidius naso": ("Ovid",),
    "quintus horatius flaccus": ("Horace",),
    "randall garrett": ("Mark Phillips",),
    "rebecca sophia clarke": ("Sophie May",),
    "rustichello da pisa": ("Marco Polo",),
    "saki": ("Hector Hugh Munro",),
    "sapper": ("Herman Cyril McNeile",),
    "stendhal": ("Henri Beyle", "Marie-Henri Beyle"),
    "titus livius": ("Livy",),
    "titus lucretius carus": ("Lucretius",),
    "virgil": ("Vergil", "Publius Vergilius Maro"),
    "william taylor adams": ("Oliver Optic",),
}


def names_of(author: str) -> tuple[str, ...]:
    """The name itself and the other names of the same person."""
    return (author, *OTHER_NAMES.get(fold_name(author), ()))


def is_by(authors: Iterable[str], wanted: str) -> bool:
    """Is one of the authors the wanted person, under any name?"""
    return any(names_agree(name, wanted) for author in authors for name in names_of(author))
