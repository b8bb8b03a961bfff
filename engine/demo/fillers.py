"""Fillers shared by all tasks (names, places, products, amounts, dates...), each list split,
and the small template language:

    [a|b|c]     one of these, part of the template (not split); may hold slots and further choices
    {slot}      a filler of that list, on the generator's filler side
    {slot:2}    a second, different filler of the same list

Gen(rng, templates, fillers) holds the two sides; gen.fill(text) expands and remembers what each
slot became in gen.values.
"""
import re

from split import MORE, Pool, made

FIRST = """Anna Ben Clara David Elena Farid Grace Henrik Ines Jonas Katrin Luis Maria Nadia Oliver Priya
Quentin Rosa Samuel Tomas Ulrike Victor Wanda Xavier Yusuf Zoe Amir Bianca Carlos Dilara Emil Fatima
Goran Hannah Igor Julia Kemal Laura Marek Nora Oscar Paula Rashid Sofia Thomas Ursula Vera Walter
Yara Zeynep Aiko Bruno Chloe Dmitri Esther Felix Gita Hugo Ivana Jakub Kofi Lena Mateo Nina Omar
Petra Ravi Sara Tim Vikram Wei Yan Adele Boris Celia Daniel Edith Frank Gloria Hassan Iris James
Karin Leo Mona Niels Olga Pablo Ruth Stefan Tara Umar Viola William Alice Robert Emma Michael Linda
Peter Susan Mark Karen Paul Lisa Kevin Amy Brian Kate George Helen Jack Lucy Martin Rachel Simon
Tina Alan Diane Eric Fiona Gary Heidi Ian Joan Kyle Megan Neil Owen Pam Ron Sean Tess Vince""".split()
LAST = """Abbott Berger Castillo Dahl Eriksen Fischer Garcia Hoffman Ivanov Jensen Kowalski Lindgren Moreau
Novak Okafor Petrov Quinn Rossi Santos Tanaka Ueda Vargas Weber Yilmaz Zhang Adler Brandt Costa
Diaz Engel Ferrari Gruber Haas Iyer Jovanovic Keller Larsen Meyer Nguyen Olsen Pereira Rao Schmidt
Tran Usman Vogel Winter Young Zimmer Ahmed Becker Chen Dubois Evans Fuchs Gupta Huber Ito Janssen
Klein Lopez Martin Nilsson Ortega Park Romano Silva Torres Ulrich Vasquez Wagner Yamada Ziegler
Bauer Carter Davies Ellis Foster Grant Hughes Ingram Jordan Kaplan Lambert Morris Nash Osborne
Parker Reed Stone Turner Vaughn Walsh Barnes Cole Dixon Fletcher Gibson Holt Marsh Porter""".split()
CITY = """Lisbon|Hamburg|Oslo|Madrid|Warsaw|Dublin|Vienna|Prague|Ghent|Bergen|Turin|Lyon|Seville|Porto|Riga|
Tallinn|Athens|Split|Krakow|Leipzig|Zurich|Basel|Geneva|Utrecht|Malmo|Aarhus|Tampere|Cork|Leeds|Bristol|
Boston|Denver|Austin|Seattle|Toronto|Montreal|Chicago|Lima|Bogota|Nairobi|Accra|Cairo|Tunis|Mumbai|Pune|
Osaka|Kyoto|Seoul|Hanoi|Manila|Perth|Sydney|Auckland|Berlin|Paris|London|Rome|Naples""".replace("\n", "").split("|")
PRODUCT = """desk lamp|coffee maker|standing desk|phone case|laptop bag|water bottle|rain jacket|running shoes|
office chair|power bank|wireless mouse|keyboard|monitor|headphones|bluetooth speaker|electric kettle|toaster|
air fryer|garden hose|tent|sleeping bag|backpack|yoga mat|bicycle helmet|bike lock|dog bed|cat tree|bookshelf|
picture frame|rug|curtains|pillow|blanket|winter coat|sunglasses|wrist watch|camera|tripod|printer|router|
tablet|smart watch|doorbell|vacuum cleaner|blender|frying pan|knife set|wine glasses|tea pot|board game|
puzzle|guitar|microphone|webcam|usb cable|hard drive|memory card|drill|ladder|tool box|paint set|notebook|
fountain pen|calendar|umbrella|suitcase|travel mug|lunch box|baby monitor|car seat|stroller|space heater|
ceiling fan|shower head|towel set|mirror|night light|alarm clock|scarf|leather boots|hiking poles|kayak""".replace("\n", "").split("|")
BRAND = """Norvik|Lumira|Tavano|Peltrix|Solano|Brenta|Kiruna|Oakline|Veloro|Zentra|Halden|Mirova|Quorra|Arbona|
Fennic|Dorado|Elmwood|Castor|Pollux|Tamarin|Orvia|Belmont|Corvid|Junip|Saphira|Nimbus|Kestrel|Alder|Mosaic|
Vantor|Trellis|Harbin|Cobalt|Ravelin|Sorrel|Tundra|Umbra|Wexley|Yarrow|Zephyr""".replace("\n", "").split("|")
DOMAIN = """example.com|example.org|example.net|mail.example|post.example|norvik.example|brightmail.example|
oakline.example|inbox.example|harbour.example|webpost.example|quickmail.example|studio.example|lab.example|
uni.example|office.example|shop.example|cloudpost.example|north.example|south.example|greenfield.example|
riverside.example|bluebird.example|firma.example|kontor.example|atelier.example|corp.example|hotel.example|
clinic.example|library.example|school.example|museum.example|bakery.example|garage.example|print.example""".replace("\n", "").split("|")
MONTH = "January February March April May June July August September October November December".split()
WEEKDAY = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
WORDS = """apple bridge candle desert engine forest garden harbor island jacket kitchen ladder mirror needle
orange pencil quarter river silver table umbrella valley window yellow anchor basket cotton dragon eagle
feather guitar hammer insect jungle kernel lemon magnet nickel ocean pepper rocket saddle temple velvet
walnut zipper branch copper diamond elbow flower glove honey iron jewel kettle lantern marble nurse olive
paper queen rabbit salt thunder uncle violin wheel youth arrow button castle doctor energy finger gravity
horse image judge knight letter market number office planet question reason summer travel value winter
account border circle degree effect famous growth history impact journey kingdom language memory nature
object people quality region science theory union victory weather access balance culture design example
function general human instance justice knowledge level material network opinion pattern rate source
total update version welcome method result student teacher system surface metal water light music animal
plant mountain city village machine bottle camera building morning evening minute hour simple complex
quick slow heavy bright dark early late modern ancient local global public private strong weak deep high
run walk build break carry draw explain follow gather hold invent join keep learn measure notice open push
read sell teach understand visit watch write compare describe consider between because although however""".split()


def amount(rng):
    whole = rng.choice([rng.randint(1, 99), rng.randint(1, 99), rng.randint(100, 999), rng.randint(1000, 9999)])
    cents = rng.choice(["", "", f".{rng.randint(0, 99):02d}", ".99", ".50"])
    number = str(whole)
    if whole >= 1000 and rng.random() < 0.4:
        number = number[:-3] + "," + number[-3:]
    forms = ["${}", "${}", "{} euros", "{} EUR", "€{}", "£{}", "{} dollars", "USD {}"]
    return rng.choice(MORE["form_amount"] if rng.random() < 0.15 else forms).format(number + cents)


def date(rng):
    day, month, year = rng.randint(1, 28), rng.choice(MONTH), rng.randint(2019, 2027)
    nth = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd"}.get(day, "th")
    if rng.random() < 0.2:
        return rng.choice(MORE["form_date"]).format(day=day, month=month, year=year, m=MONTH.index(month) + 1, nth=f"{day}{nth}",
                                                    weekday=rng.choice(WEEKDAY))
    return rng.choice([
        f"{day} {month}", f"{day} {month} {year}", f"{month} {day}", f"{month} {day}, {year}",
        f"{year}-{MONTH.index(month) + 1:02d}-{day:02d}", f"{day}/{MONTH.index(month) + 1}/{year}",
        f"{month} {day}{nth}", f"{day}{nth} of {month}", f"{day}.{MONTH.index(month) + 1}.{year}"])


BEGIN = "b c d f g h j k l m n p r s t v w z bl br ch cl cr dr fl fr gl gr kl kn ph pl pr qu sch sh sk sl sm sp st sv th tr tw".split() + [""] * 6
VOWEL = "a e i o u a e i o u ai au ea ee ei ie oa oo ou y".split()
END = [""] * 30 + "l m n r s t x ck ld ll m n nd ng nk nt r rd rk rn rt s ss st t th z".split()


def nonsense(rng, low=1, high=4):
    """A made-up word, so that copying does not depend on known names."""
    word = ""
    for _ in range(rng.randint(low, high)):
        word += rng.choice(BEGIN) + rng.choice(VOWEL) + rng.choice(END)
    return word


POOLS = {
    "first": Pool("first", FIRST), "last": Pool("last", LAST), "city": Pool("city", CITY),
    "product": Pool("product", PRODUCT), "brand": Pool("brand", BRAND), "domain": Pool("domain", DOMAIN),
    "org": Pool("org", []), "place": Pool("place", []),
}


ORDINARY = {word for lines in MORE.values() for line in lines for word in re.findall("[a-z]+", line.lower())} | set(WORDS)


def _new_word(gen):
    """A word of no list: syllables, or pieces of the tokenizer's in any order, so that each of them is copied now and then.
    An ordinary word is none: nobody could tell where a name ends that may be any word."""
    if gen.pieces and gen.rng.random() < 0.7:
        while True:
            word = "".join(gen.rng.choice(gen.pieces) for _ in range(gen.rng.choice([1, 2, 2, 2, 3])))
            if word.lower() not in ORDINARY:
                return word
    return nonsense(gen.rng, 1, 3)


def _new_product(gen):
    known, word, more = gen.rng.choice(PRODUCT).split(), _new_word(gen).lower(), _new_word(gen).lower()  # brands are what has a capital
    return gen.rng.choice([word, word, word + " " + more, known[0] + " " + word, word + " " + known[-1]])


def _new_domain(gen):
    return _new_word(gen).lower() + gen.rng.choice([".com", ".org", ".net", ".de", ".io", ".co.uk", ".example", ".example.com"])


# what an answer copies from the prompt: in training often a new word, so that copying is learned and not the lists
NEW = {name: lambda g: _new_word(g).capitalize() for name in ("first", "last", "city", "brand")}
NEW |= {name: _new_word for name in ("colour", "animal", "food", "job", "month", "weekday")}
NEW |= {"product": _new_product, "domain": _new_domain}


def _email(gen):
    first, last, domain = gen.slot("first").lower(), gen.slot("last").lower(), gen.slot("domain")
    user = gen.rng.choice([f"{first}.{last}", first, f"{first[0]}.{last}", f"{first}{last}", f"{first}_{last}",
                           f"{last}{gen.rng.randint(1, 99)}", f"{first}{gen.rng.randint(1, 99)}",
                           gen.rng.choice(["info", "sales", "billing", "office", "team", "hello"])])
    if gen.rng.random() < 0.3:
        user = gen.rng.choice(MORE["form_email"]).format(first=first, last=last, f=first[0], l=last[0], d=gen.rng.randint(1, 9),
                                                         d2=gen.rng.randint(0, 9), year=gen.rng.randint(1950, 2009),
                                                         word=gen.rng.choice(WORDS))
    return user + "@" + domain


def _branded(gen):
    brand, product = gen.slot("brand"), gen.slot("product")
    return brand + " " + product if gen.rng.random() < 0.4 else product


def _name(gen):
    first = gen.slot("first")
    last = gen.slot("last")
    return f"{first} {last}" if gen.rng.random() < 0.6 else first


MADE = {
    "amount": lambda g: made(g.rng, g.fillers, "amount", amount),
    "date": lambda g: made(g.rng, g.fillers, "date", date),
    "email": _email,
    "name": _name,
    "n": lambda g: str(g.rng.choice([2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 24, 30])),
    "big": lambda g: str(g.rng.randint(10, 99999)),
    "weekday": lambda g: g.rng.choice(WEEKDAY),
    "month": lambda g: g.rng.choice(MONTH),
    "order": lambda g: g.rng.choice(["#{}", "{}", "A-{}", "INV-{}", "no. {}"]).format(g.rng.randint(1000, 99999)),
    "card": lambda g: g.rng.choice(["4111 1111 1111 1111", "5500 0000 0000 0004", "ending in 4242", "3400 0000 0000 009"]),
    "branded": _branded,
    "word": lambda g: g.rng.choice(WORDS),
    "nonsense": lambda g: nonsense(g.rng),
}


def add_pool(slot, lines):
    """Registers a task's own list of fillers under `{slot}`."""
    POOLS[slot] = Pool(slot, lines)


SLOT = re.compile(r"\{([a-z_]+)(?::(\d))?\}")
CHOICE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")


class Gen:
    """One generator: a random source and the side of templates and of fillers. `new` is the part of the fillers
    (of NEW) that are new words. In training, `pieces` are texts that these are made of, the part varies,
    `wide` has more fillers, and `composed` says how much of what may be put together from words is."""

    def __init__(self, rng, templates="train", fillers="train", new=0.0, pieces=(), wide=None, composed=1.0):
        self.rng, self.templates, self.fillers, self.new, self.pieces = rng, templates, fillers, new, pieces
        self.wide, self.composed, self.values = wide or {}, composed, {}
        self.drawn = self.drawn_first = 0  # fillers drawn that belong to a side; those of the first exchange

    def composes(self, part):
        """True in `part` of the cases, in training: then something is put together from words, not taken from a list."""
        return bool(self.pieces) and self.rng.random() < part * self.composed

    def slot(self, name):
        """A fresh filler for slot `name`; a filler may itself hold slots."""
        if self.new and name in NEW and self.rng.random() < self.new:
            return NEW[name](self)
        if name in self.wide and self.composes(0.5):
            return self.rng.choice(self.wide[name])
        self.drawn += name in POOLS or name in ("amount", "date")
        text = MADE[name](self) if name in MADE else POOLS[name].pick(self.rng, self.fillers)
        return self._expand(text) if "{" in text or "[" in text else text

    def template(self, pool):
        """A template of `pool` on the template side."""
        return self.choose(pool.pick(self.rng, self.templates)).replace("\\n", "\n")

    def shared_choices(self, line):
        """A line of "text | question" form: equally long choices of all its parts are made alike."""
        parts, picked = line.split(" | "), {}

        def one(match):
            options = match.group(1).split("|")
            return options[picked.setdefault(len(options), self.rng.randrange(len(options)))]

        return " | ".join(CHOICE.sub(one, part) for part in parts).replace("\\n", "\n")

    def choose(self, text):
        """`text` with its choices made, the inner ones first."""
        while "|" in text:
            chosen = CHOICE.sub(lambda m: self.rng.choice(m.group(1).split("|")), text)
            if chosen == text:
                break
            text = chosen
        return text

    def fill(self, text):
        """`text` with its choices and slots expanded; self.values says what each slot became."""
        self.values = {}
        return self._expand(text)

    def _expand(self, text):
        text = self.choose(text)
        local = {}

        def one(match):
            key = match.group(0)[1:-1]
            if key not in local:
                for _ in range(20):
                    local[key] = self.slot(match.group(1))
                    if list(local.values()).count(local[key]) == 1:
                        break
                self.values.setdefault(key, local[key])
            return local[key]

        return SLOT.sub(one, text)
