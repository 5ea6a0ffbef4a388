"""Files that have no business in an audiobook: programs, scripts and shortcuts that run something when opened."""

from collections.abc import Iterable

PROGRAMS = frozenset(
    {
        *(".exe", ".com", ".scr", ".pif", ".cpl", ".msi", ".msp", ".mst", ".dll", ".sys", ".gadget"),
        *(".bat", ".cmd", ".ps1", ".psm1", ".vb", ".vbs", ".vbe", ".js", ".jse", ".wsf", ".wsh", ".hta", ".reg"),
        *(".lnk", ".scf", ".jar", ".apk", ".sh", ".run", ".elf", ".dmg", ".pkg", ".app", ".deb", ".rpm"),
    }
)


def find_programs(names: Iterable[str]) -> list[str]:
    """Those names or paths that end as a program does; dots and spaces at the end are dropped, as Windows drops them."""
    return [name for name in names if _suffix(name) in PROGRAMS]


def _suffix(name: str) -> str:
    last = name.rpartition("/")[2].rstrip(" .").casefold()
    stem, dot, suffix = last.rpartition(".")
    return dot + suffix.strip() if stem else ""


def programs_sentence(names: list[str]) -> str:
    """What people read of them."""
    shown = ", ".join(name.rpartition("/")[2] for name in names[:3]) + (" and more" if len(names) > 3 else "")
    return f"It holds programs, which no audiobook needs: {shown}."
