"""Words that release names carry besides author and title."""

import re

from library.domain.text import word_set

AUDIO_FORMATS = ("m4b", "mp3", "m4a", "flac", "opus", "ogg", "aac", "aax", "wma", "wav", "alac")
EBOOK_FORMATS = ("epub", "azw3", "azw", "mobi", "pdf", "cbr", "cbz", "djvu", "lit", "fb2")
FORMAT = re.compile(rf"(?<![a-z0-9])({'|'.join(AUDIO_FORMATS + EBOOK_FORMATS)})(?![a-z0-9])", re.IGNORECASE)
BITRATE = re.compile(r"(?<![\d.])(\d{2,3})\s?-?(?:k(?:bps|bit(?:/?s)?|b(?:/s)?)?)(?![a-z])", re.IGNORECASE)
AUDIOBOOK_WORD = re.compile(
    r"\b(?:audio\s?books?|un?abridged|narrat(?:ed|or)|read by|h(?:[öo]|oe)rbuch|h(?:[öo]|oe)rspiel|livre[\s-]audio|"
    r"audiolibro|luisterboek|"
    r"ljudbok|lydbog|audioboek|audiokniha|audiobog|dramati[sz]ed|graphic\s?audio|ungek[üu]rzt|gek[üu]rzt|gelesen von|"
    r"lu par|le[íi]do por|аудиокнига|читает|cd\s?rip|audible|librivox|a(?:udio)?book|(?:64|96|128|192|256|"
    r"320)\s?k(?:bps)?)\b",
    re.IGNORECASE,
)
EBOOK_WORD = re.compile(r"\b(?:e-?books?|retail|kindle|calibre|ocr|scan(?:ned)?)\b", re.IGNORECASE)
PACK = re.compile(
    r"\b(?:complete|entire|collection|bundle|box(?:ed)?\s?set|boxset|omnibus|compilation|anthology|"
    r"full series|series|trilogy|"
    r"tetralogy|duology|quartet|saga|books?\s+\d+\s*(?:-|to|through|thru|&|and)\s*\d+|\d{1,2}\s*-\s*\d{1,2}|"
    r"sammlung|gesamtausgabe|int[ée]grale|colecci[óo]n|megapack|mega ?pack|\d+\s+(?:audio)?books?)\b",
    re.IGNORECASE,
)
LANGUAGE_WORDS = word_set(
    """
    english eng german deutsch german ger french francais français fre truefrench spanish espanol español castellano
    italian italiano ita dutch nederlands nld flemish swedish svenska swe danish dansk dan norwegian norsk finnish
    suomi polish polski pol russian rus japanese jpn chinese mandarin korean kor portuguese portugues português
    czech cesky hungarian magyar turkish greek hebrew arabic hindi romanian ukrainian latin catalan
    """
)
LANGUAGE = re.compile(
    rf"(?<![^\W_])({'|'.join(sorted(LANGUAGE_WORDS, key=len, reverse=True))})(?![^\W_])", re.IGNORECASE
)
YEAR = re.compile(r"(?<!\d)((?:1[5-9]|20)\d{2})(?!\d)")
BRACKET = re.compile(r"[\[({]([^\[\](){}]*)[\])}]")
NARRATED = re.compile(
    r"[\s(\[{,-]+(?:read|narrated|performed|gelesen|erz[äa]hlt|lu|narrado|le[íi]do|nar\.?)\s*(?:by|von|par|"
    r"por|:)?\s+([^()\[\]{}]+?)\s*(?=[)\]}]|\s+-\s|$)",
    re.IGNORECASE,
)
NARRATOR_LABEL = re.compile(r"(?:narrators?|sprecher|читает)\s*:\s*([^()\[\]{};|]+)", re.IGNORECASE)
# What may stand in a bracket or at the end of a dotted name without being title.
NOISE = re.compile(
    r"(?<![^\W_])(?:un?abridged|unabr|abridged|audio\s?books?|a?book|audio|e-?books?|retail|web|rip|cd\s?rip|"
    r"dvd|cd|mp3\s?cd|vbr|cbr|nfo|"
    r"internal|proper|repack|real|read\s?nfo|nmr|h(?:[öo]|oe)rbuch|h(?:[öo]|oe)rspiel|ungek[üu]rzt\w*|gek[üu]rzt\w*|livre|audiolibro|"
    r"kbps|kbit|mono|stereo|chapteri[sz]ed|chapters?|chaptered|tagged|graphic\s?audio|dramati[sz]ed|"
    r"adaptation|full[\s-]cast|novel|"
    r"edition|unknown|hq|lq|v\d|freeleech|vip|scene|nzb|par2|part\d+|rar|zip|7z|fixed|v\d(?:\.\d)?|isbn|drmfree|"
    r"multi|light novel|in|english|by|audible|librivox)(?![^\W_])",
    re.IGNORECASE,
)
USENET_WRAP = re.compile(
    r"^\s*(?:\[\d+/\d+\]|re:|\(\d+/\d+\)|\[[\w.@-]*(?:a\.b|alt\.bin|usenet|#)[^\]]*\])\s*-?\s*", re.IGNORECASE
)
USENET_TAIL = re.compile(
    r"\s*(?:yenc|\(\d+/\d+\)|\[\d+/\d+\]|\.(?:part\d+\.rar|vol\d+\+\d+\.par2|nzb|par2|rar|zip|7z|torrent|sfv|nfo))\s*$",
    re.I,
)
IRC = re.compile(r"^!\S+\s+")
IRC_INFO = re.compile(r"\s*::INFO::.*$", re.IGNORECASE)
SIZE = re.compile(r"[(\[]?\b\d+(?:[.,]\d+)?\s?[mgk]i?b\b[)\]]?|\b\d{1,3}[.:]\d{2}[.:]\d{2}\b", re.IGNORECASE)
GROUP = re.compile(r"-([A-Za-z][A-Za-z0-9_]{1,15})$")
