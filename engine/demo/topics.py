"""Sentences about a topic, put together from its words. Only for training, as in grammar.py."""
import collections
import re

from fillers import POOLS
from grammar import plain

WORDS = {
    "sports": """goal|penalty|striker|goalkeeper|referee|coach|league|cup final|semi-final|match|sprint|marathon runner|relay|hurdles|high jump|javelin|swimmer|diver|rower|
cyclist|boxer|wrestler|fencer|gymnast|skier|tennis player|serve|racket|hockey puck|basket|rugby team|cricket bat|golf club|surfer|stadium|medal|world record|
offside|free kick|half-time|tournament|title|champion|rematch|jersey|dugout|locker room|fitness test|training camp|push-ups|doping test|extra time|midfielder|
defender|offside trap|kick-off|half-time|extra time|dribble|header|free kick|corner kick|own goal|hat-trick|substitute bench|batting order|pitcher|home run|
quarterback|touchdown|slam dunk|free throw|baseline|backhand|forehand|double fault|match point|tie-break|birdie|bogey|caddie|fairway|peloton|time trial|
pole vault|long jump|shot put|discus|decathlon|triathlon|freestyle|butterfly stroke|breaststroke|regatta|judo|karate|black belt|knockout|jockey|snooker|darts|
archery|badminton|volleyball|handball|lacrosse|bobsleigh|figure skating|ski jump|slalom|dugout|locker room|fan club|transfer window|relegation|
promotion to the first league|champion|runner-up|bronze|podium|starting whistle|warm-up|training camp""",
    "cooking": """onion|garlic|flour|butter|dough|oven|frying pan|saucepan|whisk|recipe|broth|sauce|pepper|pinch of salt|spoon of sugar|yeast|crust|filling|marinade|roast|stew|
pie|gravy|salad dressing|grated cheese|egg yolk|cream|vinegar|basil|thyme|parsley|steak|mushrooms|carrots|noodles|rice|soup pot|oven glove|rolling pin|
cutting board|spice rack|leftovers|icing|batter|pancake|casserole|jam|pickles|mashed potatoes|cook book|chef|apron|ladle|spatula|grill|barbecue sauce|simmer|
casserole|omelette|pancake batter|icing|sponge cake|custard|caramel|cinnamon|nutmeg|ginger|paprika|curry powder|soy sauce|olive oil|mustard|mayonnaise|
chutney|pickles|lentils|chickpeas|tofu|salmon fillet|prawns|minced beef|bacon|sausages|dumplings|lasagne|risotto|quiche|soufflé|pastry|puff pastry|baguette|
sourdough|breadcrumbs|lemon zest|vanilla|cocoa|honey glaze|kneading|chopping board|measuring cup|mixing bowl|slow cooker|wok|baking tray|roasting tin|
stock cube|leftovers|starter|main course|dessert|side dish|taste test|seasoning|zucchini|aubergine|leek|celery""",
    "travel": """passport|suitcase|boarding pass|hotel lobby|hostel|beach|cruise|airport|gate|customs|visa|tour guide|sightseeing|souvenir|travel agency|camping site|caravan|
city map|old town|landmark|itinerary|jet lag|tourist|sunburn|ferry|rental car|border|currency exchange|backpacker|trek|safari|resort|island|holiday flat|
lounge|night train|window seat|stopover|departure hall|luggage belt|honeymoon|postcard|harbour|lighthouse|checkpoint|travel insurance|luggage|carry-on|
backpack|boarding|departure lounge|layover|stopover|window seat|aisle seat|flight attendant|check-in desk|room key|reception of the hotel|bed and breakfast|
guest house|youth hostel|motel|road trip|round trip|one-way ticket|train pass|sleeper train|cable car|harbour tour|lighthouse|vineyard tour|hiking trail|
guidebook|phrase book|postcard|travel insurance|vaccination for the tropics|beach towel|sun cream|snorkel trip|scuba diving trip|desert tour|pilgrimage|
honeymoon|city break|weekend getaway|package tour|all-inclusive holiday|tent by the sea|campfire under the stars|mountain hut|border crossing|time difference|
foreign country|embarkation|cabin with a view|deck chair|sightseeing bus|walking tour|ruins of the old city|local market|tourist office""",
    "money": """bank|interest rate|loan|mortgage|shares|bonds|dividend|stock market|broker|savings|account balance|inflation|budget|deficit|tax return|profit|loss|investor|
fund|currency|exchange rate|salary|pension|bankruptcy|debt|credit rating|cash machine|wallet|coins|insurance premium|revenue|quarterly results|central bank|
gold price|real estate|hedge fund|audit|bookkeeping|shareholder|bonus|wage|merger|start-up capital|piggy bank|subsidy|income|wage|pay rise|bonus|overdraft|
savings book|piggy bank|penny|banknote|cash|cheque|bank clerk|accountant|audit|stock exchange|share price|bear market|bull market|hedge fund|pension fund|
retirement plan|inheritance tax|income tax|tax rate|tax relief|tariff|subsidy|grant|sponsorship|venture capital|bankruptcy court|creditor|debtor|collateral|
down payment|mortgage rate|rent increase|cost of living|household budget|economic growth|recession|trade balance|gold price|silver price|oil price|bitcoin|
crypto wallet|portfolio|capital gains|interest|compound interest|bank transfer fee|financial crisis|finance minister's budget|billion|millionaire""",
    "health": """doctor|nurse|surgery|fever|cough|vaccine|pill|prescription|allergy|blood pressure|heart rate|diet|vitamin|physiotherapy|dentist|toothache|headache|migraine|
rash|infection|virus|bandage|wound|broken leg|X-ray|clinic|hospital bed|ambulance|pharmacy|ointment|antibiotics|back pain|sleep|stress|diabetes|cholesterol|
asthma|check-up|flu|symptom|diagnosis|therapy|pregnancy|crutches|hearing aid|eye test|sore throat|cancer|patient|patient|surgeon|therapist|midwife|
paediatrician|optician|first aid kit|plaster|crutches|wheelchair|stethoscope|thermometer|blood test|ultrasound|operation|anaesthetic|transplant|tumour|cancer|
stroke|heart attack|asthma|pneumonia|bronchitis|flu|cold|sore throat|runny nose|earache|nausea|dizziness|insomnia|burnout|depression|anxiety|therapy|rehab|
massage|acupuncture|sick leave|painkiller|aspirin|insulin|inhaler|side effects|dose|immune system|bone density|sprained ankle|concussion|stitches|blister|
sunstroke|food poisoning|calories|body weight|protein shake|vegetables a day|eight hours of sleep|health check|waiting room of the doctor|emergency room|
intensive care""",
    "weather": """rain|snow|storm|thunder|lightning|fog|frost|hail|drizzle|sunshine|clouds|heat wave|cold front|breeze|gale|hurricane|tornado|humidity|temperature|forecast|
low pressure|ice|blizzard|flood warning|rainbow|dew|wind chill|sleet|mist|drought|degrees|barometer|monsoon|shower|sky|overcast day|icy roads|snowflakes|
gusts|warm spell|cold snap|sunset glow|thunderstorm|downpour|raindrop|puddle|hailstone|snowdrift|avalanche warning|black ice|freezing rain|cold snap|
heat record|warm front|high pressure|trade wind|easterly wind|northern gale|typhoon|cyclone|dust storm|sandstorm|haze|smog|cloudburst|cloud cover|clear sky|
sunrise|sunset glow|UV index|dew point|air pressure|wind speed|weather map|weather station|meteorologist|rain gauge|umbrella weather|Indian summer|
spring showers|autumn storms|mild winter|dry spell|humid air|muggy night|windy afternoon|sunny spells|scattered clouds|chance of rain|storm surge|
lightning strike|minus ten degrees|thaw|icicle""",
    "music": """song|album|guitar|piano|drums|violin|choir|orchestra|singer|band|concert|melody|rhythm|lyrics|chorus|solo|conductor|opera|jazz|bass|trumpet|saxophone|flute|
symphony|festival stage|record|vinyl|microphone|rehearsal|tune|composer|note|chord|harmony|playlist|encore|soprano|tenor|band tour|drummer|DJ|hit single|
amplifier|keyboardist|ballad|string quartet|accordion|bassist|vocalist|quartet|string quartet|brass band|marching band|recorder|clarinet|oboe|cello|
double bass|harp|accordion|banjo|ukulele|synthesizer|keyboard solo|drum kit|cymbal|metronome|sheet music|scale in C major|minor chord|major third|tempo|beat|
remix|cover version|single|debut album|record label|recording studio|sound check|loudspeaker tower|tour bus of the band|backing singer|lead singer|folk song|
lullaby|anthem|hymn|gospel|hip hop|rap|heavy metal|punk|techno|reggae|blues|waltz|ballad|overture|sonata|concerto|cantata|aria|duet|refrain|
bridge of the song|bow of the violin|guitar string|pick-up band|karaoke|music festival|charts""",
    "technology": """phone|laptop|chip|software|update|server|robot|battery|app|browser|website|password|hacker|data center|cloud storage|algorithm|sensor|screen|processor|
satellite|drone|3D printer|code|programmer|network|router|cable|memory|keyboard|operating system|virus scanner|artificial intelligence|electric motor|
start-up|gadget|smart home|headset|pixel|bandwidth|firmware|USB stick|search engine|graphics card|spreadsheet|machine learning|encryption|microchip|computer|
tablet|smartphone|smart watch|headset|webcam|microchip|motherboard|graphics card|hard disk|solid state drive|USB port|Bluetooth|wifi|modem|firewall|malware|
phishing|encryption|database|spreadsheet program|bug fix|beta version|source code|open source project|compiler|machine learning|neural network|chatbot|
voice assistant|virtual reality|augmented reality|quantum computer|blockchain|cryptography|search engine|social network|video call|streaming service|
e-book reader|game console|joystick|touch screen|pixel|resolution|bandwidth|fibre optics|antenna|broadband|data leak|backup|server farm|autonomous robot|
solar cell|fuel cell|laser|semiconductor|smart home|wearable|firmware|gadget|IT department""",
    "school": """teacher|pupil|homework|exam|grade|lesson|classroom|blackboard|essay|textbook|degree|university|lecture|professor|student|thesis|scholarship|school bus|
playground|term|semester|maths test|spelling|vocabulary|kindergarten|head teacher|school report|diploma|seminar|library card|field trip|detention|
school uniform|pencil case|chalk|quiz|curriculum|dormitory|graduation|campus|history class|biology class|exercise book|school bell|tutor|headmaster|pupils|
class trip|classmate|desk mate|school bell|break time|canteen lunch|report card|final exam|mock exam|oral exam|multiple choice test|maths|algebra|geometry|
physics lesson|chemistry lab|biology class|history lesson|geography|Latin class|spelling bee|dictation|multiplication table|reading exercise|handwriting|
ruler and compass|chalk|whiteboard|notebook for maths|school bag|pencil case|tutor|private lessons|evening class|grammar school|boarding school|
primary school|nursery school|high school|college|campus|dormitory|faculty|bachelor's degree|master's thesis|doctorate|entrance exam|tuition fee|study group|
graduation|graduation gown|alumni|parents' evening|school play|gym class|sports day at school|truancy|homework diary""",
    "nature": """forest|river|mountain|lake|tree|oak|flower|bee|butterfly|bird|nest|fox|wolf|bear|deer|squirrel|hedgehog|owl|eagle|salmon|whale|frog|beetle|ant hill|moss|fern|
mushroom|meadow|swamp|waterfall|glacier|coral reef|seed|root|leaf|pollen|wildlife|national park|herd|cub|burrow|acorn|pine cone|spider web|otter|beaver|
badger|moose|heron|wild flowers|rainforest|pond|woodland|rainforest|jungle|savanna|prairie|tundra|desert|dune|cliff|canyon|valley|creek|stream|pond|marsh|
lagoon|island bird|seagull|pelican|stork|heron|woodpecker|sparrow|robin|swallow|raven|falcon|hawk|bat|mole|rabbit|hare|badger|lynx|wild boar|moose|elk|
reindeer|bison|elephant|giraffe|zebra|lion|tiger|leopard|monkey|gorilla|panda|koala|kangaroo|crocodile|turtle|lizard|snake|toad|newt|salamander|trout|shark|
dolphin|seal|penguin|jellyfish|octopus|crab|snail|worm|ladybird|dragonfly|grasshopper|cricket in the grass|spider|birch|pine|fir|willow|maple|beech|
chestnut tree|ivy|daisy|poppy|sunflower|orchid|lichen|algae|ecosystem|volcano""",
    "politics": """president|minister|parliament|election|vote|ballot|law|bill|senate|mayor|party leader|coalition|opposition|campaign|protest|demonstration|treaty|embassy|
ambassador|sanctions|government|referendum|constitution|debate|candidate|poll|petition|lobby|cabinet|summit|border policy|reform|democracy|protesters|
citizens|city council|prime minister|speech in parliament|majority|veto|diplomat|tax reform|budget debate|prime minister|chancellor|deputy|congress|
congressman|senator|governor|council member|town council|parliamentary seat|majority|minority government|right to vote|polling station|ballot box|
election result|election poster|swing state|speech in parliament|press secretary|foreign policy|foreign minister|defence minister|peace talks|ceasefire|
trade deal|veto|amendment|supreme court nominee|decree|state visit|diplomat|consulate|United Nations|European Union|human rights|civil rights|immigration law|
tax reform|pension reform|welfare state|left wing|right wing|liberals|conservatives|socialists|green party|populist|dictator|revolution|coup|monarchy|
republic|federal state|impeachment|resignation of the minister|political party|manifesto|strike of the unions|trade union|activist|propaganda""",
    "art": """painting|sculpture|gallery|museum|canvas|brush|oil paint|watercolour|portrait|landscape|exhibition|sketch|mural|statue|frame|easel|artist|painter|sculptor|
marble bust|self-portrait|still life|abstract piece|collage|ceramics|print|etching|art dealer|masterpiece|drawing|pottery|installation|fresco|charcoal|
palette|art school|curator|mosaic|tapestry|glass art|fresco|oil painting|sculptor|bronze statue|marble|clay|kiln|pottery wheel|mosaic|stained glass|tapestry|
engraving|lithograph|woodcut|pastel|acrylic paint|ink drawing|charcoal drawing|brushstroke|perspective|composition of the picture|impressionism|cubism|
surrealism|expressionism|baroque|renaissance|modern art|pop art|street art|graffiti|avant-garde|art school|art critic|curator|vernissage|art fair|
auction of paintings|art collection|art forgery|nude|bust|relief|triptych|altar piece|portrait of a lady|old master|studio of the painter|sketchbook|
colour palette|picture gallery|photo exhibition|calligraphy|origami|ceramic vase|art history""",
    "cars": """engine|tyre|brake|gearbox|steering wheel|windscreen|seat belt|bumper|headlight|exhaust|petrol|diesel|fuel tank|hybrid|electric car|convertible|sports car|van|
pickup|garage|mechanic|oil change|spark plug|clutch|horsepower|speed limit|driver's licence|parking spot|traffic jam|motorway|car wash|airbag|horn|dashboard|
trunk|wiper|test drive|used car|four-wheel drive|flat tyre|number plate|roof rack|wheel|vehicle|automobile|estate car|SUV|limousine|taxi|racing car|
vintage car|used car|car dealer|test drive|number plate|driving licence|driving test|driving school|petrol station|charging station|carburettor|
radiator grille|cylinder|piston|turbo|crankshaft|timing belt|fan belt|handbrake|accelerator|brake pad|wheel rim|spare tyre|flat tyre|winter tyres|hubcap|
bonnet|boot of the car|rear mirror|wing mirror|windscreen wiper|indicator|cruise control|satnav|child seat in the car|car key|roof rack|tow bar|trailer|
breakdown service|tow truck|body shop|paint job on the car|car wax|car insurance|speeding ticket|roundabout|fuel consumption|miles per gallon|car park|
ring road|rush hour|carpool""",
    "fashion": """dress|skirt|jacket|runway|model|designer|collection|fabric|silk|denim|jeans|heels|boots|handbag|scarf|hat|collar|sleeve|hem|tailor|pattern|trend|catwalk|
season's colours|suit|tie|blouse|coat|knitwear|jewellery|earrings|lipstick|perfume|fashion week|boutique|label|vintage look|sneakers|wardrobe|lace|velvet|
outfit|style|belt|gown|evening dress|wedding dress|cocktail dress|miniskirt|trousers|leggings|shorts|cardigan|pullover|hoodie|T-shirt|polo shirt|waistcoat|
blazer|trench coat|leather jacket|parka|raincoat with a belt|cape|shawl|gloves|belt|cap|beret|bonnet of lace|sunglasses|necklace|bracelet|brooch|
ring with a stone|cufflinks|purse|clutch bag|tote bag|sandals|loafers|ballet flats|stilettos|trainers|stockings|tights|underwear|swimsuit|bikini|pyjamas|
haute couture|ready-to-wear|fashion show|fashion designer|fashion magazine|stylist|supermodel|make-up|mascara|nail polish|hairstyle|haircut|cashmere|linen|
cotton|wool|tweed|polka dots|stripes|button|zip of the skirt|sewing machine|pleats""",
    "billing": """invoice|bill|refund|charge|payment|credit card|direct debit|receipt|VAT|discount|voucher|subscription fee|overdue notice|bank transfer|late fee|instalment|
price plan|balance|monthly fee|credit note|double payment|payment reminder|statement|invoice number|billing address|billing period|tax invoice|
pro forma invoice|outstanding amount|amount due|payment method|card payment|debit card|charge on my card|double charge|unknown charge|cancellation fee|
setup fee|annual fee|yearly plan|price increase|free trial charge|promo code|gift card balance|payment failed notice|declined card|billing cycle|
bank statement with your charge|payment plan""",
    "shipping": """parcel|delivery|courier|tracking number|package|shipment|warehouse|post office|customs form|delivery date|postage|express delivery|pick-up point|
delivery address|pallet|freight|dispatch|doorstep|delivery van|missing parcel|mailbox|shipping label|shipping cost|shipping time|delivery time|
delivery window|late delivery|lost parcel|damaged parcel|neighbour who took the parcel|parcel locker|parcel shop|express parcel|overnight delivery|
same-day delivery|international shipping|customs delay|tracking link|tracking page|dispatch mail|shipping address|shipping partner|delivery note|
second delivery attempt|signature on delivery|envelope in the mail|cargo ship|freight company|loading dock|forwarder""",
    "account": """password|user name|login|profile|e-mail address|account|registration|sign-up|verification code|two-factor code|profile picture|account settings|new user|
locked account|password reset|nickname|phone number on file|membership data|security question|sign-in page|log-in problem|forgotten password|new password|
user account|account name|e-mail on my account|deleted account|blocked account|hacked account|second account|family account|business account|account owner|
verification mail|security code|login link|account details|profile settings|privacy settings of my profile|avatar|display name|newsletter settings|
linked devices|remember-me box""",
    "returns": """return label|return|exchange|wrong size|faulty item|unwanted gift|return form|return window|sent back item|refund for a return|damaged item|
original packaging|return address|exchange voucher|return desk|goods sent back|return parcel|money back for the item|return policy|return period|free return|
return slip|return code|returned item|return shipment|wrong item|wrong colour|item that does not fit|defective item|broken item|exchange for a bigger size|
exchange of the shoes|swap for another colour|store credit for the return|right of withdrawal|refund after the return|thirty days to return it|
gift that I want to give back|open box return|missing return label|goods that go back""",
}
# what somebody did
DID = {
    "sports": """scored twice|won the match|lost the final|ran the marathon|trained for the race|tackled the striker|missed the penalty|broke the record|won a medal|
swam a hundred metres|cycled up the pass|boxed five rounds|served an ace|was sent off the pitch|coached the team|qualified for the finals""",
    "cooking": """peeled the potatoes|fried the onions|baked a loaf|stirred the sauce|boiled the eggs|kneaded the dough|grilled the fish|whipped the cream|seasoned the stew|
chopped the parsley|roasted the chicken|tasted the soup|simmered the broth|sliced the carrots|burned the pancakes|grated the cheese""",
    "travel": """flew abroad|packed the suitcase|booked a hotel|missed the flight|toured the old town|took a cruise|checked into the hostel|went on a safari|
hiked from hut to hut|crossed the border|sent a postcard from the beach|got a visa|spent the holidays at the sea|backpacked for a year""",
    "money": """took out a loan|invested in bonds|sold the shares|saved for retirement|paid off the mortgage|opened a savings account|lost money on the stock market|
raised the interest rates|cut the budget|went bankrupt|earned a dividend|exchanged euros for dollars|asked for a pay rise|inherited a fortune""",
    "health": """caught the flu|saw the doctor|took the medicine|broke a leg|had surgery|got vaccinated|measured the blood pressure|went to the dentist|
recovered from the illness|fainted in the clinic|sprained an ankle|swallowed the pills|coughed all night|went on a diet|gave blood""",
    "weather": """got soaked by the rain|shivered in the frost|watched the lightning|shovelled snow|waited for the fog to lift|sweated in the heat|listened to the forecast|
measured the rainfall|felt the wind turn|saw the first snowflakes""",
    "music": """played the violin|sang in the choir|tuned the guitar|wrote a song|conducted the orchestra|recorded an album|hummed a melody|practised scales|
danced to the band|bought a vinyl record|rehearsed the opera|beat the drums""",
    "technology": """installed the update|rebooted the server|wrote the code|hacked the website|updated the app|designed a chip|soldered the sensor|programmed the robot|
backed up the data|plugged in the router|debugged the software|trained the neural network""",
    "school": """did the homework|passed the exam|failed the maths test|wrote an essay|learned to spell|taught the class|handed in the thesis|graduated from university|
skipped the lesson|studied for the finals|got a bad grade|raised a hand in class""",
    "nature": """watched the birds|climbed over the moss|saw a deer|heard the owl|planted an oak|followed the river|found a mushroom|fed the ducks on the pond|spotted a whale|
walked through the forest|counted the butterflies|listened to the frogs""",
    "politics": """voted in the election|joined the party|signed the treaty|passed the law|resigned as minister|protested in front of the parliament|campaigned for the mayor|
gave a speech in the senate|ran for president|lost the vote|negotiated with the opposition|called a referendum""",
    "art": """painted a portrait|carved a statue|visited the gallery|sketched a landscape|framed the picture|glazed the pot|restored the fresco|exhibited the sculptures|
mixed the oil paint|drew with charcoal|sprayed a mural""",
    "cars": """changed the tyres|started the engine|hit the brakes|drove to the garage|filled the tank|parked in the garage|scratched the bumper|overtook a lorry|
repaired the gearbox|washed the car|got a speeding ticket|failed the driving test""",
    "fashion": """wore a silk dress|tried on the boots|sewed the hem|designed a collection|bought a handbag|walked the runway|ironed the blouse|matched the tie with the suit|
put on lipstick|knitted a scarf|opened a boutique""",
    "billing": """was charged twice|asked for the invoice|paid the bill|got a payment reminder|disputed the charge|changed the credit card|wanted a receipt|
used the voucher at the checkout""",
    "shipping": """waited for the parcel|tracked the package|missed the courier|shipped the box|got the delivery late|asked for express delivery|picked it up at the post office|
signed for the parcel""",
    "account": """forgot the password|had trouble logging in|changed the user name|locked the account|signed up again|deleted the profile|missed the verification code""",
    "returns": """sent it back|exchanged it at the counter|returned the shoes|got the wrong size|printed the return label|gave it back|filled in the return form""",
}
FRAMES = """the {w}|a {w}|{w} and {w2}|the {w} and the {w2}|about the {w}|we talked about the {w}|it is all about the {w}|the {w} was better than expected|the {w} is new|a new {w}|
the {w} next to the {w2}|everything about the {w}|who forgot the {w}?|where is the {w}?|I need a {w}|we need another {w}|my {w} is old|the {w} of the year|no {w} without {w2}|
the best {w} in {city}|{first} has a {w}|{first} asked about the {w}|{first} dreams of a {w}|the {w} in {city}|a {w} for {first}|without a {w} it is hard|the problem with the {w}|
news about the {w}|the {w} on {weekday}|yesterday's {w}|first the {w}, then the {w2}|too much {w}|the {w} will be there in {month}|they wrote about the {w}|read more about the {w}|
{n} facts about the {w}|how the {w} works|the {w} makes the difference|a question about the {w}|the {w} was the talk of the day|{w}, {w2}, {w3}|{w} {w2}|the {w} came before the {w2}|
is the {w} ready?|the {w} has changed|a long {w}|the second {w}|what a {w}|thanks to the {w}|the {w} surprised everyone|{first} and the {w}|the {w} was lost|we saw the {w}""".replace("\n", "").split("|")


WORDS, DID = ({topic: words.replace("\n", "").split("|") for topic, words in lists.items()} for lists in (WORDS, DID))
DID_FRAMES = """{first} {d}|they {d}|we {d}|my sister {d}|the neighbour {d}|{first} and {first:2} {d}|nobody {d}|who {d}?|yesterday {first} {d}|on {weekday} they {d}|{first} {d} in {city}|in {month} my brother {d}|
the first who {d} was {first}|after lunch we {d}|{first} never {d}|at last {first} {d}|she {d} and he {d2}|he {d}, then he {d2}|I {d}|I {d} {n} years ago|I heard that {first} {d}""".replace("\n", "").split("|")
_TIMES = collections.Counter(word for words in WORDS.values() for word in set(words))
# what belongs to one topic only: no other option is right as well
OWN = {topic: [word for word in dict.fromkeys(words) if _TIMES[word] == 1] for topic, words in WORDS.items()}


HELD = {plain(line) for topic in WORDS for side in ("held", "dev") for line in POOLS["topic_" + topic].sides[side]}


def text(gen, topic):
    """A sentence about `topic`."""
    rng = gen.rng
    while True:
        line = rng.choice(FRAMES if rng.random() < 0.7 else DID_FRAMES)
        for key in ("{w}", "{w2}", "{w3}"):
            line = line.replace(key, rng.choice(OWN[topic]))
        for key in ("{d}", "{d2}"):
            line = line.replace(key, rng.choice(DID[topic]))
        line = re.sub(r"\b([aA]) (?=[aeio]|un[^i])", r"\1n ", line)
        if plain(line) not in HELD:
            return gen.fill(line)
