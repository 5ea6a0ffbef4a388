"""Words round titles that are not the title: formats, editions, tag lines, derived works."""

import re

from library.domain.text import word_set

# A bracket or a dashed tail that says only this is dropped, and may set a flag.
UNABRIDGED = re.compile(r"\bunabridged\b|\bungek[üu]rzt\w*|\bint[ée]gral\w*\b|\bcompleto e integral\b", re.IGNORECASE)
ABRIDGED = re.compile(r"(?<!un)\babridged\b|(?<!un)\bgek[üu]rzt\w*|\babr[ée]g[ée]\w*\b", re.IGNORECASE)
DRAMATISED = re.compile(
    r"\bdramati[sz](?:ed|ation)\b|\b(?:audio|radio)\s*(?:drama|play)\b|\bgraphic\s?audio\b|\bh(?:[öo]|oe)rspiel\b|"
    r"\bfull[- ]cast\b"
    r"|\bbbc radio\b|\bbbc drama\b|\bradio drama\b",
    re.IGNORECASE,
)
_NOISE_WORDS = (
    r"un?abridged|abridged|unabr|audio ?book|h(?:[öo]|oe)rbuch|livre audio|audiolibro|audio(?: edition| download|"
    r" cd)?|mp3(?: cd)?|m4b|m4a|flac|"
    r"retail|e-?book|epub|kindle(?: edition)?|paperback|hardcover|light novels?|novel|a novel|novella|"
    r"librivox|dramati[sz]ed(?: adaptation)?|audio drama|full[- ]cast(?: edition| recording)?|graphic ?audio|"
    r"remastered|"
    r"ungek[üu]rzt\w*|gek[üu]rzt\w*|int[ée]grale?|movie tie-?in(?: edition)?|tie-?in|audible(?: originals?| studios)?|"
    r"original(?: recording)?|enhanced|annotated|illustrated|english(?: edition)?|german edition|deutsch|fran[cç]ais|"
    r"reissue|reprint|new|complete and unabridged|translated|translation|digital|booktrack(?: edition)?|free|"
    r"bonus(?: material)?|vbr|\d{2,3} ?kbps"
)
NOISE_GROUP = re.compile(
    rf"^(?:(?:{_NOISE_WORDS})(?:\s*[,;/&+-]\s*|\s+|$))+$"
    r"|^(?:version|recording|reading|take)\s*\d{1,3}$"
    r"|^(?:the\s+)?(?:[\w'.&-]+\s+){0,5}(?:edition|ausgabe|[ée]dition|edici[óo]n|edizione|classics|library|reissue)$"
    r"|^(?:an? )?(?:[\w'.&-]+ ){0,3}(?:golden book|i can read book|step into reading|book club pick|"
    r"bestseller)(?: .{0,20})?$",
    re.IGNORECASE,
)
NOISE_TAIL = re.compile(
    r"(?:\s+-\s+|\s*[,:;]\s*|\s+)(?:un?abridged|audio ?book|h(?:[öo]|oe)rbuch|ungek[üu]rzt\w*|complete and unabridged)\s*$"
    r"|\s+-\s+(?:light novels?|a novel|novel|(?:the )?audio ?book|audio edition|un?abridged|"
    r"dramati[sz]ed(?: adaptation)?)\s*$"
    r"|\s*[,:]?\s+version\s+\d{1,2}\s*$",
    re.IGNORECASE,
)
EDITION_TAIL = re.compile(
    r"(?<![\s,:-])[\s,:-]+(?:the\s+)?(?:special\s+|deluxe\s+)?(?:\d{1,3}(?:st|nd|rd|th)|(?:(?:\d{1,3}(?:st|nd|rd|th)|tenth|twentieth|twenty-fifth|"
    r"thirtieth|fiftieth|hundredth|golden|silver)\s+)?(?:anniversary(?:\s+(?:special|deluxe|collector'?s))?|special|deluxe|collector'?s|definitive|revised|updated|expanded|enhanced|"
    r"author'?s preferred|author'?s definitive|uncut|movie tie-in|international|"
    r"illustrated|annotated|centenary|centennial|amazonclassics|young readers?'?))\s+(?:edition|version|text)\s*$"
    r"|[,:]\s+(?:the\s+)?(?:[\w'.-]+\s+){1,4}edition\s*$",
    re.IGNORECASE,
)
# "A Novel", "A LitRPG Adventure": says what sort of book it is; nothing of the title is lost without it.
_GENRES = (
    r"novel|novella|memoir|thriller|mystery|romance|adventure|saga|fantasy|litrpg|gamelit|story|stories|tale|"
    r"fable|epic|"
    r"isekai|wuxia|cultivation|comedy|play|poem|poems|biography|autobiography|history|narrative|report|romcom|whodunit|"
    r"drama|series|quest|short story|novelette|parody|parable|satire"
)
DESCRIPTOR = re.compile(
    rf"^(?:(?:an|a|another)\s+(?:[\w'’/&.-]+\s+){{0,5}}|(?:[\w-]+\s+)?)(?:[\w-]+/)?(?:{_GENRES})"
    rf"(?:\s+(?:of|about|for|in|set|from|with)\b.{{0,80}})?$",
    re.IGNORECASE,
)
GENERIC_SERIES = word_set(
    """
    book books volume volumes vol part parts series novel novels trilogy chapter the a an edition collection
    complete stories audiobook light comic comics graphic manga issue season
    """
)
# A subtitle that makes another work of the title before it.
DERIVED = re.compile(
    r"\b(?:the (?:stage )?play|playscript|screenplay|script|the musical|graphic (?:novel|history|adaptation|edition)|manga|comic book|"
    r"comics|colou?ring book|"
    r"companion|study guide|summary|analysis|sparknotes|cliffs?notes|workbook|journal|book of days|"
    r"box(?:ed)? set|boxset|omnibus|"
    r"the movie(?=\W*$)|official guide|unofficial|visual guide|storybook|sampler|excerpt|preview|teacher'?s guide|"
    r"reader'?s guide|soundtrack|calendar|quiz|trivia|(?:complete|entire) (?:series|trilogy|saga|collection)|"
    r"trilogy|collection set|books? \d+\s*-\s*\d+|volumes? \d+\s*-\s*\d+|with related readings|notebook|"
    r"activity book|cookbook|"
    r"director'?s notebook|sourcebook|conversations? on|penguin readers|oxford bookworms|"
    r"macmillan readers|graded reader|level \d|concordance|encyclopedia)\b",
    re.IGNORECASE,
)
AND_OTHERS = re.compile(
    r"\b(?:and|&|with)\s+(?:other|selected|more|two other|three other|four other|five other|several other|related)\b",
    re.IGNORECASE,
)
BUNDLE = re.compile(
    r"\b(?:box(?:ed)? ?sets?|boxset|omnibus|bundle|(?:complete|entire|full) (?:series|trilogy|saga|collection|"
    r"set|works)|"
    r"collection|trilogy|duology|quartet|tetralogy|compilation|anthology|complete|gesamtausgabe|sammelband)\b",
    re.IGNORECASE,
)
