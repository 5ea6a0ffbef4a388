"""Names of folders and marks in folder names that are no part of author, series or title."""

import re

from library.domain.text import word_set

MEDIA_EXTENSIONS = word_set(
    """
    m4b mp3 m4a flac opus ogg oga mp4 aac wma aiff aif wav webm webma mka awb caf mpg mpeg aax aaxc epub pdf mobi
    azw3 azw cbr cbz
    """
)
ROOT_FOLDERS = word_set(
    """
    audiobooks audiobook audio books book media mnt data library libraries volumes volume1 srv home storage share
    shares nas downloads download torrents complete completed fiction nonfiction non fiction hoerbuecher horbucher
    ebooks import incoming shelf root opt var share user users public
    """
) | {"audio books", "non fiction", "my audiobooks", "audiobookshelf"}
GENRE_FOLDERS = word_set(
    """
    fiction nonfiction fantasy horror mystery romance thriller thrillers history biography biographies children
    childrens kids classics science philosophy humor humour crime adventure drama poetry religion business travel
    comedy literature memoir memoirs politics psychology economics western westerns litrpg scifi sf
    """
) | {"science fiction", "sci fi", "non fiction", "young adult", "self help", "historical fiction", "true crime"}
DISC_FOLDER = re.compile(
    r"^(?:cd|dis[ck]|disco?|part|pt|volume|vol|side|tape|cassette)[\s._-]*\d{1,3}(?:\s*of\s*\d+)?$", re.I
)
STRICT_DISC_FOLDER = re.compile(
    r"^(?:cd|dis[ck]|side|tape|cassette)[\s._-]*\d{1,3}(?:\s*(?:of|-)\s*\d+)?$", re.IGNORECASE
)
ASIN = re.compile(
    r"(?:^|(?<=[\s\])}_.-]))[\[({](?:ASIN[\s.:_-]*)?(B0[A-Z0-9]{8}|\d{9}[\dX])[\])}](?=$|[\s\[({_.-])", re.IGNORECASE
)
ASIN_LIKE = re.compile(r"(?:^|(?<=\s))\[([A-Z0-9]{10})\](?=$|\s)")
READ_BY = re.compile(
    r"[\s(\[{,-]+(?:read|narrated|performed|gelesen|erz[äa]hlt|lu|narrado|le[íi]do)\s+(?:by|von|par|"
    r"por)\s+([^()\[\]{}]+?)[)\]}]?\s*$",
    re.I,
)
# 192k 07.43.51 {638mb}, 128kbps, [MP3], m4b
TECHNICAL = re.compile(
    r"\s*[(\[{]?(?<![\w.])(?:\d{1,3}@)?\d{2,3}\s?k(?:bps|bit|b)?(?![\w])[)\]}]?|"
    r"\s*[(\[{]?(?<![\w.])\d{1,3}[.:]\d{2}[.:]\d{2}(?![\w.])[)\]}]?"
    r"|\s*[(\[{]\s*[\d.]+\s*[mg]i?b\s*[)\]}]|\s*[(\[{](?:m4b|mp3|m4a|flac|ogg|opus|aac|vbr|"
    r"cbr)(?:[\s/,-]+[\w\s]{0,20})?[)\]}]"
    r"|\s+(?:m4b|mp3|m4a|flac)\s*$",
    re.IGNORECASE,
)
LEADING_YEAR = re.compile(r"^\s*[(\[]?((?:1[0-9]|20)\d{2})[)\]]?\s*[-–.]\s*(?=\S)")
TRAILING_YEAR = re.compile(r"\s*[(\[]((?:1[0-9]|20)\d{2})[)\]](?=\s|$)")
NARRATOR_BRACES = re.compile(r"\s*\{([^{}]+)\}\s*")
_NUM = r"\d{1,3}(?:\.\d{1,2})?"
LEADING_PLACE = re.compile(
    rf"^\s*(?:\[\s*({_NUM})\s*\]|-?\s*(?:(?:vol\.?|volume|book|bk\.?|band|teil|part|tome|"
    rf"#)\s*({_NUM}(?:\s*(?:-|&|and)\s*{_NUM})?)"
    rf"|({_NUM}(?:\s*(?:-|&|and)\s*{_NUM})?)))\s*(\s+-+\s*|-+\s*|\.\s+|:\s+|_\s*|\s+)(?=\S)",
    re.IGNORECASE,
)
TRAILING_PLACE = re.compile(
    rf"\s*(?:\s-\s|,\s)\s*(?:vol\.?|volume|book|bk\.?|band|tome|#)\s*({_NUM}(?:\s*(?:-|&)\s*{_NUM})?)\s*$",
    re.IGNORECASE,
)
ONLY_PLACE = re.compile(rf"^(?:vol\.?|volume|book|bk\.?|band|#)?\s*({_NUM})\.?$", re.IGNORECASE)
