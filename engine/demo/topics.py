"""Sentences about a topic, put together from its words. Only for training, as in grammar.py."""
from fillers import POOLS
from grammar import plain

WORDS = {
    "sports": "goal|penalty|striker|goalkeeper|referee|coach|league|cup final|semi-final|match|sprint|marathon runner|relay|hurdles|high jump|javelin|swimmer|diver|rower|cyclist|boxer|wrestler|fencer|gymnast|skier|tennis player|serve|racket|hockey puck|basket|rugby team|cricket bat|golf club|surfer|stadium|medal|world record|offside|free kick|half-time|tournament|title|champion|rematch|jersey|dugout|locker room|fitness test|training camp|push-ups|doping test|extra time",
    "cooking": "onion|garlic|flour|butter|dough|oven|frying pan|saucepan|whisk|recipe|broth|sauce|pepper|pinch of salt|spoon of sugar|yeast|crust|filling|marinade|roast|stew|pie|gravy|salad dressing|grated cheese|egg yolk|cream|vinegar|basil|thyme|parsley|steak|mushrooms|carrots|noodles|rice|soup pot|oven glove|rolling pin|cutting board|spice rack|leftovers|icing|batter|pancake|casserole|jam|pickles|mashed potatoes|cook book",
    "travel": "passport|suitcase|boarding pass|hotel lobby|hostel|beach|cruise|airport|gate|customs|visa|tour guide|sightseeing|souvenir|travel agency|camping site|caravan|city map|old town|landmark|itinerary|jet lag|tourist|sunburn|ferry|rental car|border|currency exchange|backpacker|trek|safari|resort|island|holiday flat|lounge|night train|window seat|stopover|departure hall|luggage belt|honeymoon|postcard|harbour|lighthouse|checkpoint|travel insurance",
    "money": "bank|interest rate|loan|mortgage|shares|bonds|dividend|stock market|broker|savings|account balance|inflation|budget|deficit|tax return|profit|loss|investor|fund|currency|exchange rate|salary|pension|bankruptcy|debt|credit rating|cash machine|wallet|coins|insurance premium|revenue|quarterly results|central bank|gold price|real estate|hedge fund|audit|bookkeeping|shareholder|bonus|wage|merger|start-up capital|piggy bank|subsidy",
    "health": "doctor|nurse|surgery|fever|cough|vaccine|pill|prescription|allergy|blood pressure|heart rate|diet|vitamin|physiotherapy|dentist|toothache|headache|migraine|rash|infection|virus|bandage|wound|broken leg|X-ray|clinic|hospital bed|ambulance|pharmacy|ointment|antibiotics|back pain|sleep|stress|diabetes|cholesterol|asthma|check-up|flu|symptom|diagnosis|therapy|pregnancy|crutches|hearing aid|eye test|sore throat|cancer|patient",
    "weather": "rain|snow|storm|thunder|lightning|fog|frost|hail|drizzle|sunshine|clouds|heat wave|cold front|breeze|gale|hurricane|tornado|humidity|temperature|forecast|low pressure|ice|blizzard|flood warning|rainbow|dew|wind chill|sleet|mist|drought|degrees|barometer|monsoon|shower|sky|overcast day|icy roads|snowflakes|gusts|warm spell|cold snap|sunset glow",
    "music": "song|album|guitar|piano|drums|violin|choir|orchestra|singer|band|concert|melody|rhythm|lyrics|chorus|solo|conductor|opera|jazz|bass|trumpet|saxophone|flute|symphony|festival stage|record|vinyl|microphone|rehearsal|tune|composer|note|chord|harmony|playlist|encore|soprano|tenor|band tour|drummer|DJ|hit single|amplifier|keyboardist|ballad|string quartet|accordion",
    "technology": "phone|laptop|chip|software|update|server|robot|battery|app|browser|website|password|hacker|data center|cloud storage|algorithm|sensor|screen|processor|satellite|drone|3D printer|code|programmer|network|router|cable|memory|keyboard|operating system|virus scanner|artificial intelligence|electric motor|start-up|gadget|smart home|headset|pixel|bandwidth|firmware|USB stick|search engine|graphics card|spreadsheet|machine learning|encryption|microchip",
    "school": "teacher|pupil|homework|exam|grade|lesson|classroom|blackboard|essay|textbook|degree|university|lecture|professor|student|thesis|scholarship|school bus|playground|term|semester|maths test|spelling|vocabulary|kindergarten|head teacher|school report|diploma|seminar|library card|field trip|detention|school uniform|pencil case|chalk|quiz|curriculum|dormitory|graduation|campus|history class|biology class|exercise book|school bell|tutor",
    "nature": "forest|river|mountain|lake|tree|oak|flower|bee|butterfly|bird|nest|fox|wolf|bear|deer|squirrel|hedgehog|owl|eagle|salmon|whale|frog|beetle|ant hill|moss|fern|mushroom|meadow|swamp|waterfall|glacier|coral reef|seed|root|leaf|pollen|wildlife|national park|herd|cub|burrow|acorn|pine cone|spider web|otter|beaver|badger|moose|heron|wild flowers|rainforest|pond",
    "politics": "president|minister|parliament|election|vote|ballot|law|bill|senate|mayor|party leader|coalition|opposition|campaign|protest|demonstration|treaty|embassy|ambassador|sanctions|government|referendum|constitution|debate|candidate|poll|petition|lobby|cabinet|summit|border policy|reform|democracy|protesters|citizens|city council|prime minister|speech in parliament|majority|veto|diplomat|tax reform|budget debate",
    "art": "painting|sculpture|gallery|museum|canvas|brush|oil paint|watercolour|portrait|landscape|exhibition|sketch|mural|statue|frame|easel|artist|painter|sculptor|marble bust|self-portrait|still life|abstract piece|collage|ceramics|print|etching|art dealer|masterpiece|drawing|pottery|installation|fresco|charcoal|palette|art school|curator|mosaic|tapestry|glass art",
    "cars": "engine|tyre|brake|gearbox|steering wheel|windscreen|seat belt|bumper|headlight|exhaust|petrol|diesel|fuel tank|hybrid|electric car|convertible|sports car|van|pickup|garage|mechanic|oil change|spark plug|clutch|horsepower|speed limit|driver's licence|parking spot|traffic jam|motorway|car wash|airbag|horn|dashboard|trunk|wiper|test drive|used car|four-wheel drive|flat tyre|number plate|roof rack|wheel",
    "fashion": "dress|skirt|jacket|runway|model|designer|collection|fabric|silk|denim|jeans|heels|boots|handbag|scarf|hat|collar|sleeve|hem|tailor|pattern|trend|catwalk|season's colours|suit|tie|blouse|coat|knitwear|jewellery|earrings|lipstick|perfume|fashion week|boutique|label|vintage look|sneakers|wardrobe|lace|velvet|outfit|style|belt",
    "billing": "invoice|bill|refund|charge|payment|credit card|direct debit|receipt|VAT|discount|voucher|subscription fee|overdue notice|bank transfer|late fee|instalment|price plan|balance|monthly fee|credit note|double payment|payment reminder|statement",
    "shipping": "parcel|delivery|courier|tracking number|package|shipment|warehouse|post office|customs form|delivery date|driver|box|postage|express delivery|pick-up point|delivery address|pallet|freight|dispatch|doorstep|delivery van|missing parcel|mailbox|shipping label",
    "account": "password|user name|login|profile|e-mail address|account|registration|sign-up|verification code|two-factor code|profile picture|account settings|new user|locked account|password reset|nickname|phone number on file|membership data|security question",
    "returns": "return label|return|exchange|wrong size|faulty item|unwanted gift|return form|return window|sent back item|refund for a return|damaged item|original packaging|return address|exchange voucher|return desk|goods sent back|return parcel|money back for the item",
}
FRAMES = """the {w}|a {w}|{w} and {w2}|the {w} and the {w2}|about the {w}|we talked about the {w}|it is all about the {w}|the {w} was better than expected|the {w} is new|a new {w}|
the {w} next to the {w2}|everything about the {w}|who forgot the {w}?|where is the {w}?|I need a {w}|we need another {w}|my {w} is old|the {w} of the year|no {w} without {w2}|
the best {w} in {city}|{first} has a {w}|{first} asked about the {w}|{first} dreams of a {w}|the {w} in {city}|a {w} for {first}|without a {w} it is hard|the problem with the {w}|
news about the {w}|the {w} on {weekday}|yesterday's {w}|first the {w}, then the {w2}|too much {w}|the {w} will be there in {month}|they wrote about the {w}|read more about the {w}|
{n} facts about the {w}|how the {w} works|the {w} makes the difference|a question about the {w}|the {w} was the talk of the day|{w}, {w2}, {w3}|{w} {w2}|the {w} came before the {w2}|
is the {w} ready?|the {w} has changed|a long {w}|the second {w}|what a {w}|thanks to the {w}|the {w} surprised everyone|{first} and the {w}|the {w} was lost|we saw the {w}""".replace("\n", "").split("|")


HELD = {plain(line) for topic in WORDS for side in ("held", "dev") for line in POOLS["topic_" + topic].sides[side]}


def text(gen, topic):
    """A sentence about `topic`."""
    rng = gen.rng
    while True:
        line = rng.choice(FRAMES)
        for key in ("{w}", "{w2}", "{w3}"):
            line = line.replace(key, rng.choice(WORDS[topic].split("|")))
        if plain(line) not in HELD:
            return gen.fill(line)
