"""Words that stand in credits without being a person's own name."""

from library.domain.text import word_set

PARTICLES = word_set(
    """
    van von der den de del della di da du des dos das la le los las lo el al af av zu zum zur ten ter te bin ibn ben
    st saint y e of the vom d dal dalla degli dei do
    """
)
SURNAME_PREFIXES = word_set(
    """
    van von der den de del della di da du des dos das la le los las lo el al af av zu ten ter te bin ibn ben st mac
    mc saint vander o dal dalla do
    """
)
# Moved before the name when they stand after a comma: "Otto IV, King".
STANDING_TITLES = word_set(
    """
    saint st pope sir dame lady lord king queen prince princess emperor empress venerable blessed baron baroness
    count countess duke duchess earl marquis marquise viscount bishop archbishop cardinal abbot father mother
    brother sister rev reverend dr doctor prof professor captain capt colonel col general gen major lieutenant lt
    mrs mr miss ms mme rabbi sheikh swami imam metropolitan patriarch
    """
)
# Known by one name: before a comma and a full name, they are a person of their own, not a family name.
MONONYMS = word_set(
    """
    anonymous homer sophocles plato aristotle euripides aeschylus aristophanes virgil ovid horace seneca cicero plutarch
    herodotus thucydides xenophon epictetus lucretius voltaire moliere stendhal colette herge saki confucius avicenna
    dante petrarch boccaccio novalis laozi patanjali valmiki kalidasa rumi hafiz clamp aesop sappho hesiod pindar
    menander lucian polybius demosthenes longinus tacitus livy juvenal martial catullus plautus apuleius boethius
    quintilian josephus plotinus erasmus paracelsus nostradamus avicenna averroes maimonides rashi mencius zhuangzi
    liezi basho issa hokusai kabir mirabai saadi hafez attar ferdowsi firdausi shantideva nagarjuna multatuli ouida
    alain gyp nadar lecorbusier christo banksy moebius peyo quino sempe zep avi bono sting madonna cher moby osho
    starhawk xinran trevanian vercors nessmuk
    """
)
# Dropped from keys: they do not tell persons apart.
HONORIFICS = word_set(
    """
    sir dame dr doctor prof professor rev reverend mr mrs ms miss lord lady captain capt colonel col general gen
    """
)
SUFFIXES = word_set(
    """
    jr sr ii iii iv v vi fils pere phd md dds esq ma mba dphil obe cbe mbe kbe frs
    """
)
DEGREES = word_set(
    """
    phd md dds esq ma mba dphil obe cbe mbe kbe frs jd msc bsc rn lcsw edd psyd
    """
)
GENERATIONS = frozenset(["jr", "sr", "ii", "iii", "iv", "junior", "senior"])
ROLE_WORDS = word_set(
    """
    author authors writer narrator narrators reader readers translator translators editor editors illustrator
    illustrators foreword introduction afterword preface contributor contributors adapter adaptor adaptation
    compiler director producer performer creator artist cover composer commentary annotator prologue epilogue intro
    read narrated written translated edited illustrated adapted performed compiled directed essay story notes
    afterwords forewords ubersetzer erzahler sprecher herausgeber traducteur narrateur lecteur traductor narrador
    lector traduttore narratore ed eds trans tr illus aut nrt trl edt ill
    """
)
# An "and" or a comma inside such a name does not part persons.
ORGANISATION_WORDS = word_set(
    """
    administration agency association board books bureau college commission committee company congress convention
    corporation council department editors editorial entertainment fathers foundation government group house inc
    institute institution ltd llc ministry museum office organisation organization parliament press productions
    publications publisher publishers publishing school senate services society staff state states studio studios
    team trust university cortes academy church media magazine co
    """
)
NOBODY = frozenset(
    {
        "various",
        "various authors",
        "various narrators",
        "unknown",
        "unknown author",
        "author unknown",
        "none",
        "na",
        "et al",
        "others",
        "and others",
        "anonymous author",
        "full cast",
        "a full cast",
        "cast",
    }
)
# Common given names of the languages that most audiobooks are in. They only decide between two readings of a string.
GIVEN_NAMES = word_set(
    """
    aaron abigail adam adrian agatha alan albert alec alex alexander alexandra alexandre alice alison allan allen
    amanda amelia amy ana anders andrea andreas andrew angela ann anna anne annie anthony antoine antonio arthur
    audrey barbara beatrice ben benjamin bernard beth betty bill blake bob brad brandon brenda brian bruce carl
    carla carlos carol caroline catherine charles charlie charlotte chris christian christina christine christopher
    claire clara clive colin craig cynthia dan daniel david dawn dean deborah denise dennis diana diane dirk don
    donald donna dorothy douglas duncan edgar edith edward edwin elaine eleanor elena elizabeth ellen emily emma
    eric erica erin ernest ethan eva evelyn fiona florence frances francis francois frank fred frederick gabriel
    gareth gary geoffrey george gerald gilbert gordon grace graham greg gregory guy hannah hans harold harriet harry
    harvey heather helen henry herbert howard hugh ian ingrid irene isaac isabel jack jacob jacqueline jake james
    jan jane janet jason jay jean jeff jeffrey jennifer jenny jeremy jesse jessica jill jim joan joanna joe joel
    johann john jon jonathan jorge jose joseph josh joshua joyce juan judith judy jules julia julian julie karen
    karl kate katherine kathleen kathy keith kelly ken kenneth kevin kim kirsten kurt larry laura lauren laurence
    lawrence lee leo leon leonard leslie lewis linda lisa liz lois louis louisa louise lucy luke lynn madeleine marc
    marcel margaret maria marie marion marjorie mark martha martin mary matt matthew maureen maurice max megan
    melissa michael michel michelle miguel mike miriam molly monica nancy naomi natalie nathan neal neil nicholas
    nick nicola nigel nina noel nora norman olga oliver olivia oscar pamela pat patricia patrick paul paula pauline
    pedro peggy penelope percy peter phil philip phillip phyllis pierre rachel ralph randall randy raymond rebecca
    rene rex richard rick rita rob robert roberta robin rod roger roland ron ronald rosemary ross roy rupert russell
    ruth ryan sally sam samantha samuel sandra sara sarah scott sean shane sharon sheila shirley sidney simon sofia
    sophia sophie stan stanley stefan stella stephanie stephen steve steven stuart sue susan suzanne sylvia ted
    terence teresa terry theodore theresa thomas tim timothy tina toby todd tom tony tracy trevor ursula valerie
    vera veronica victor victoria vincent viola virginia vivian walter wanda wendy wilhelm will william winston
    yvonne zoe
    abel abraham ada adele adolf agnes ahmed aidan alain alberto aldo aldous alejandro alessandro alfonso alfred alistair
    allison alma alphonse amir amos anatole andre andres andrzej anita anneke annette anselm anton antonia arnold
    astrid august augusta augusto aurora barry bart basil benito bernice bertha boris bradley brendan bridget bruno
    calvin camille carmen carolyn carrie cecil cecilia cesar chester chiara chloe christa ciara clarence claudia
    claude claudio clement clifford constance cordelia cornelia cyril cyrus dale damian daphne darren dave della denis
    derek desmond diego dieter dimitri dmitri dolores dominic dora dorothea dylan eduardo edmund edwina
    eileen elias elijah elisabeth ella elliot elmer elsa emanuel emil emile emilia emilio emmanuel enid enrico enrique
    erich erik ernesto ernst erwin esme esteban esther ethel eugene eugenia eunice evan ezra fabio federico felix
    fernando filippo flora franco franz freya friedrich fritz fyodor gabriela gabriella gail garth gaston gavin gene
    georg georges georgia georgina gerard gerda gertrude gianni gideon giles gilles gillian gina giorgio giovanni
    giulia giuseppe gladys glen glenn gloria greta gunther gustav gustave gwen hamish hanna hector heidi heinrich
    hermann herman hilary hilda hiroshi honore horace horatio hubert hugo humphrey ida ignacio igor ilse imogen
    ines ingeborg iris irma irving isaiah isabella isla ivan jacques jaime jasper javier jeanne jerome jessie
    jimmy jo joachim joao joaquim joaquin jocelyn jodi johan johanna johannes jonas jordi jos josef josephine josie
    juliet juliette jurgen justin karin katharine katherine katrina kazuo keiko kenji kerry klaus
    klara kristin kristina kyle lars laszlo leah leigh lena leonardo leonora leopold leroy lester
    liam lillian lily lionel lloyd lola loren lorenzo lorna lorraine lothar lucas lucia luciano lucien ludwig
    luigi luis luisa lydia mabel madeline magda maggie malcolm manuel marcella marcello marcos marcus
    margot marguerite mariana marianne mario marlene marlon marshall martina marvin mathilde matilda
    matthias maude maurizio mavis maxine maya melanie melinda mercedes meredith michele mikhail mildred
    millicent milton mitchell mohamed mohammed moira mona muriel myra myrtle nadia nadine naoki natasha
    nathaniel ned nell nellie nelson neville niall nicolas nikolai nils noah noelle nora norma octavia odette
    orson oswald otto owen pablo paolo pascal patti percival perry petra philippa philippe phoebe pierce pilar
    piers preston priya quentin rachael rafael ramon raoul raphael raul reginald reinhard renata renate ricardo rhoda
    rhys riccardo roberto roderick rodney rolf ronan rosa rosalind rosamund rosanne roxane
    rudolf rudolph rufus ruben sabine sabrina salvador salman salvatore sasha sebastian selma serena sergei sergio
    seth seymour sidonie siegfried sigmund sigrid silvia silvio simone solomon sonia spencer stanislaw
    stephane stewart susanna susannah sven svetlana sybil tabitha takashi tamara tania tanya tessa thaddeus
    thelma thierry tobias tomas trudi ulrich umberto valentina vanessa vernon vicente vikram
    vincenzo vladimir wallace warren wayne wendell werner wilbur wilfred willa willard winifred wolfgang yann
    yusuf yves zachary zadie zelda
    """
)
NICKNAMES: dict[str, str] = {
    short: full
    for full, shorts in {
        "robert": "bob rob bobby robbie bert",
        "william": "bill will billy willy",
        "richard": "rick dick rich",
        "james": "jim jimmy jamie",
        "michael": "mike mick mickey",
        "thomas": "tom tommy",
        "joseph": "joe joey",
        "edward": "ed eddie ted ned",
        "charles": "charlie chuck",
        "daniel": "dan danny",
        "david": "dave davey",
        "matthew": "matt",
        "andrew": "andy drew",
        "anthony": "tony",
        "benjamin": "ben",
        "christopher": "chris",
        "douglas": "doug",
        "gregory": "greg",
        "jeffrey": "jeff",
        "kenneth": "ken",
        "lawrence": "larry",
        "nicholas": "nick",
        "patrick": "pat paddy",
        "peter": "pete",
        "philip": "phil",
        "raymond": "ray",
        "ronald": "ron",
        "samuel": "sam",
        "stephen": "steve",
        "steven": "steve",
        "timothy": "tim",
        "walter": "walt",
        "margaret": "maggie peggy meg",
        "elizabeth": "liz beth betty lizzie",
        "katherine": "kate kathy katie",
        "catherine": "cathy cate",
        "rebecca": "becky",
        "susan": "sue susie",
        "patricia": "patty trish",
        "alexander": "alex sandy",
        "frederick": "fred",
        "harold": "hal",
        "henry": "hank",
        "john": "jack johnny",
        "jonathan": "jon",
        "joshua": "josh",
        "zachary": "zach zack",
        "gerald": "gerry",
        "donald": "don",
        "victoria": "vicky",
    }.items()
    for short in shorts.split()
}
