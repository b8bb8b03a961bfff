"""Prompts outside of every task, put together from words: so that the model sees more of what people ask for than the
lists hold. Only for training, as in grammar.py: a held-out template is never made.
"""
import frames
import greeting
import world
from fillers import WORDS
from grammar import ACTS, NOUNS, VERBS

# what words of Hearth's own would make into a question about Hearth
HEARTH = set("""model models target targets zone zones cloud device premises server request requests prompt prompts key keys log logs port address cost report config
configuration file program language licence license route routing rule test data secret secrets privacy sensitivity clearance capability complexity
command terminal chat api gateway hearth login password account level levels machine source code memory""".split())
THINGS = [w for w in dict.fromkeys(frames.PLAIN + NOUNS + WORDS + """atom molecule planet comet galaxy star moon sun eclipse tide earthquake hurricane desert rainforest penguin elephant giraffe kangaroo dolphin octopus
beetle butterfly eagle owl parrot crocodile dinosaur mammoth brain liver lung bone muscle skin blood heart nerve hormone vitamin protein calorie
allergy migraine insomnia anxiety marathon yoga pilates football basketball cricket golf ski surfboard chess poker crossword sudoku violin trumpet
symphony jazz reggae ballet waltz tango sonnet haiku ballad myth legend fable emperor pharaoh knight pirate viking samurai gladiator revolution empire
colony treaty republic parliament senate tax mortgage dividend bitcoin stock pension startup inflation recipe casserole omelette lasagne pancake
smoothie cocktail espresso sourdough barbecue spice vinegar garlic onion tomato avocado lemon banana strawberry pumpkin wedding divorce baby toddler
teenager friendship marriage dream nightmare soul god angel ghost vampire wizard unicorn robot drone satellite rocket laser microscope telescope
transistor diode battery turbine piston gearbox bicycle motorcycle helicopter submarine skyscraper cathedral pyramid algebra calculus geometry
logarithm matrix vector fraction theorem triangle prime integer pi verb noun adjective comma alphabet dialect accent slang grammar passport visa
hostel camping cruise safari glacier volcano waterfall canyon lagoon island haircut beard tattoo perfume lipstick sneaker tuxedo wallpaper mortar
cement plywood sink boiler thermostat fuse lawn hedge compost tulip bonsai cactus aquarium hamster puppy kitten flea tick firewall spreadsheet laptop
browser modem pixel emoji meme hashtag podcast vlog selfie""".split()) if w not in HEARTH]
FIELDS = """history|origin|meaning|purpose|price|size|weight|colour|shape|inventor|capital|population|speed|smell|taste|future|past|best part|worst part|opposite|
plural|etymology|chemical formula|average age|lifespan|diet|habitat|anatomy|structure|biggest problem|name|birthday|secret ingredient|temperature|
height|depth|length|symbol|national anthem|flag|currency|president|author|director|plot|ending|main character|moral|theme|rhythm|melody|lyrics|
definition|formula|theory|square root""".replace("\n", "").split("|")
FORMS = """poem|story|song|essay|letter|speech|haiku|limerick|rap|joke|riddle|script|screenplay|blog post|article|press release|tweet|caption|slogan|toast|
eulogy|cover letter|resume|report|summary|review|novel|chapter|dialogue|monologue|fairy tale|bedtime story|love letter|invitation|thank you note|
wedding speech|product description|business plan|marketing plan|lesson plan|meal plan|workout|quiz|crossword|list|table|outline|diagram|drawing|logo|
website|program|function|script in Python|regular expression|SQL query|shell script|unit test|spreadsheet formula|contract|will|complaint|apology|
birthday card|recipe|travel guide|prayer|spell|battle cry|love song|villanelle|sonnet|ballad|comic|game|puzzle|prophecy|horoscope|newsletter|obituary""".replace("\n", "").split("|")
WRITE = """write|compose|draft|create|make|generate|invent|come up with|give me|I need|I want|please write|can you write|could you make|help me write|write me|
make up|prepare|produce|type|sketch|design|think of|improvise|recite|finish|let's write""".replace("\n", "").split("|")
TELL = """tell me|explain|describe|teach me|show me|I want to know|do you know|can you explain|what do you know about|say something about|tell me more about|
give me facts about|talk about|what about|research|look up|google|list|name|define|compare|discuss|analyse|evaluate|illustrate|summarise""".replace("\n", "").split("|")
CHANGE = """translate|translate to {tongue}|summarise|summarize|shorten|lengthen|rewrite|rephrase|paraphrase|proofread|correct|improve|polish|simplify|expand|
continue|complete|reverse|spell backwards|capitalise|put in upper case|encode|decode|encrypt|count the words in|count the letters in|
find the verbs in|find the nouns in|explain|interpret|comment on|reply to|answer|respond to|forward|send|save|print|read aloud|memorise|quote|
rate the style of|guess the author of|find a title for|find a rhyme for|find synonyms in|turn into a poem|turn into a question|make it funny|
make it formal|make it polite|make it rhyme|make a headline from|write hashtags for|write a reply to|write a tweet about|what is the main point of|
what is missing in|what comes after|who wrote|when was this written|which language is|how long is|what does this mean|is this grammatical|
check the spelling of|check the facts in|repeat|delete|post|sing|draw|convert to {lang}|the {tongue} version of|say this in {tongue}|in {tongue}|
as a poem|in one sentence|in simple words|for a child|as a pirate|in the style of {name}|bullet points for|key points of|what would you answer to|
give feedback on|criticise|explain the joke in|format|underline the subject in|punctuate|split into sentences|tokenize|hash|fact-check|dramatise""".replace("\n", "").split("|")
TOPIC = """{subject}|{subject}|{thing}s|the {thing}|a {thing}|{thing} and {thing:2}|the {thing} of the {thing:2}|{city}|{name}|my {thing}|a {thing} in {city}|
the {product}|{food}|{animal}s|life|love|nothing|everything|my {job}|the {job} and the {animal}""".replace("\n", "").split("|")
ASK = """what is {topic}?|what are {topic}?|who is {name}?|who was the {job} of {name}?|what is the {field} of {topic}?|what's the {field} of {topic}|
why is {topic} {adj}?|why do {thing}s {act}?|why does my {thing} {act}?|why can't {thing}s {act}?|how do {animal}s {act}?|how does {topic} work?|
how do I {do} a {thing}?|how do I {do} {topic}?|how to {do} a {thing}|how to {act} with a {thing}|how can I {act} without a {thing}?|
how can one {do} the {thing}?|how many {thing}s are in {topic}?|how much does a {thing} weigh?|how much is a {thing} in {city}?|how old is {topic}?|
how far is {city}?|how long does it take to {do} a {thing}?|how often should I {do} my {thing}?|how big is the {thing}?|
how fast can a {animal} {act}?|when was {topic} invented?|when did {name} {act}?|when is the best time to {act}?|when does the {thing} {act}?|
where is {topic}?|where can I {do} a {thing}?|where do {animal}s {act}?|where does {topic} come from?|where did {name} {act}?|
which {thing} is the best?|which {thing} should I {do}?|which {animal} can {act}?|which is better, a {thing} or a {thing:2}?|who {did} the {thing}?|
who {did} the first {thing}?|who invented {topic}?|who wrote {topic}?|who wins, the {animal} or the {animal:2}?|whose {thing} is it?|
is {topic} {adj}?|is a {thing} a {thing:2}?|is it {adj} to {do} a {thing}?|is there a {thing} in {city}?|is there life after {topic}?|
are {thing}s {adj}?|are {animal}s able to {act}?|can {animal}s {act}?|can I {do} a {thing} with a {thing:2}?|can I {act} in {city}?|can you {act}?|
can you {do} a {thing}?|can you {do} the {thing} for me?|could you {do} my {thing}?|will {topic} {act}?|will you {act} with me?|
would you {do} a {thing}?|do {animal}s {act}?|do you {act}?|do you {do} {thing}s?|do you like {topic}?|do you believe in {topic}?|
does a {thing} {act}?|did {name} {do} the {thing}?|should I {do} the {thing}?|should I {act}?|should I {act} or {act:2}?|shall we {act}?|
may I {do} a {thing}?|must I {do} the {thing}?|what if {topic} {acts}?|what happens if I {do} a {thing}?|what happens when {thing}s {act}?|
what should I {do}?|what should I {act} for?|what would {name} {do}?|what did {name} {do}?|what do {animal}s {do}?|what rhymes with {thing}?|
what is {n} plus {n:2}?|what is {n} times {big}?|what's {n} minus {n:2}|what is {big} in words?|what comes after {big}?|what goes with {food}?|
what to do in {city}?|what to wear to a {thing}?|what does {word} mean?|what does a {job} earn?|what does a {job} do?|what kind of {thing} is that?|
what colour is a {thing}?|what makes a {thing} {adj}?|what are the {thing}s of {topic}?|what are the best {thing}s?|any tips for {topic}?|
any news from {city}?|any good {thing}s?|ever {did} a {thing}?|guess my {thing}|true or false: {topic} is {adj}|{topic}: good or not?|
{thing} or {thing:2}?|why {topic}?|{topic}?|{topic}|{thing} {thing:2}|{adj} {thing}|best {thing} in {city}|cheap {thing}s near me|
{thing} for beginners|{field} of {topic}|{topic} {field}|history of {topic}""".replace("\n", "").split("|")
ORDER = """{do} the {thing}|{do} a {thing}|{do} me a {thing}|please {do} the {thing}|{act}|{act} now|please {act}|let's {act}|let's {do} a {thing}|
go and {do} the {thing}|help me {do} a {thing}|help me {act}|help, my {thing} is {adj}|remind me to {do} the {thing}|remind me to {act}|don't {act}|
stop|stop that|wait|hold on|continue|go on|next|again|back|more|undo|skip|repeat|louder|yes|no|maybe|never|hm|hmm|um|uh|huh|oh|ah|so|well|and|but why|
why|why not|really|sure|right|exactly|of course|whatever|nothing|something|lol|haha|wow|oops|ouch|nice|cool|ok|fine|great|interesting|boring|wrong|
correct|true|false|what|who|where|when|how|you|me|{n}|{big}|{word}|{word} {word:2}|{nonsense}|{nonsense} {nonsense:2}|play {topic}|sing {topic}|
draw {topic}|paint a {thing}|cook {food}|order {food}|book a {thing}|book a {thing} to {city}|buy a {thing}|buy me a {product}|call {name}|
call a {job}|text {name} that I {act}|email {email} about the {thing}|send {amount} to {name}|open the {thing}|close the {thing}|turn on the {thing}|
turn the {thing} off|set an alarm for {n}|start a timer|roll a dice|flip a coin|pick a number|pick a {thing}|choose a {thing} for me|
recommend a {thing}|suggest a {thing}|find a {thing} in {city}|find the nearest {thing}|navigate to {city}|drive me to {city}|show me {city}|
count to {n}|count the {thing}s|spell {word}|say {word}|say something {adj}|be a {job}|be {adj}|act like a {animal}|pretend to be a {job}|
imagine a {thing}|think of a {thing}|forget everything|ignore that|prove it|solve it|calculate {math}|compute {math}|{math}|{n} + {n:2}|{n} x {n:2} =|
solve {math} for me|convert {n} {thing}s to {thing:2}s|plan a {thing} for {n}|organise my {thing}|improve my {thing}|fix my {thing}|
debug this: {snippet}|run {snippet}|{snippet}|review my {thing}|grade my {thing}|roast me|cheer me up|praise me|insult me|marry me|hug me|
entertain me|surprise me|scare me|wake me at {n}""".replace("\n", "").split("|")
SAY = """you are {adj}|you are a {thing}|you are not a {thing}|you {act} too much|you said that already|you did not answer|you don't understand|you again|
you sound {adj}|I am {adj}|I am a {job}|I am {n} years old|I am from {city}|I am in {city}|I am hungry|I am bored|I am so tired|I feel {adj}|
I feel like a {thing}|I like {topic}|I hate {topic}|I miss my {thing}|I miss {name}|I love you|I lost my {thing}, now what?|
I {did} the {thing} and now it is {adj}, what can I do?|I {did} my {thing}|I want to {act}|I want a {thing}|I want to {do} a {thing} in {city}|
I want to become a {job}|I have a {thing} and a {thing:2}, what can I cook?|I have {n} {thing}s|I have to {do} a {thing}|I have a {thing}|
I have an idea for a {thing}|I can't {act}|I can't {do} my {thing}, any advice?|I don't know how to {act}|I don't understand {topic}|
I dreamed of a {thing}|I think {topic} is {adj}|I think, therefore I {act}|
I started a new {thing} in {month} and my {thing:2} is {adj}. what should I do?|I will {act} tomorrow|I saw a {animal} today|
I wonder why {thing}s {act}|I need a {thing}|I need advice about {topic}|I need {n} {thing}s by {weekday}|my {thing} is {adj}, help|
my {thing} {acts}, is that normal?|my {job} says I should {act}|my {animal} won't {act}|my neighbour {did} my {thing}, can I sue?|
my mother is a {job}|we {did} a {thing} in {city}|we should {act}|it is {adj} in {city}|it is raining|the {thing} is a {thing:2}|{thing}s are {adj}|
{topic} is {adj}|{topic} changed the {thing}|nobody can {act}|everybody {acts}|once upon a time there was a {thing}|
roses are red, violets are {colour}|to {act} or not to {act}|the {job} and the {animal}|if I {act}, I will {act:2}|
if a {thing} has {n} {thing:2}s, how many do {n} {thing}s have?|{first} is older than {first:2}. who is younger?|
{first} has {n} {thing}s and {first:2} has {n:2} more. how many together?|{n} {thing}s cost {amount}. what do {n:2} cost?|
a {thing} costs {amount}, is that too much?|dear diary, today I {did} a {thing}|happy {thing}|merry {thing}|no {thing} today|what a {thing}|
such {adj} {thing}|not {adj}|so {adj}""".replace("\n", "").split("|")
# words that Hearth uses too, meant otherwise
NEAR = """what time zone is {city} in?|which time zone has {city}?|what is a no-fly zone?|the comfort zone, what is it?|what is the {adj} zone in football?|
who entered the war zone?|what is the erogenous zone|how many time zones does {city} see?|what model is this {thing}?|
which model of {thing} should I buy?|who was the first top model?|how do I become a model in {city}?|the standard model of physics|
explain the {thing} model|what is a business model?|how do I hit the target with a {thing}?|target practice for a {job}|
what is the target group of {topic}?|how do I set my {thing} target?|where is the port of {city}?|which ships are in the port of {city}?|
how do I open a port on my router?|what is port wine?|how do I write a log for my {thing}?|what is a log cabin?|natural log of {big}|
how do I chop a log?|what is the key of this song?|where are my keys?|I lost the key of my {thing}|what is the key to {topic}?|
what is a key signature?|how do I copy a house key?|how much does it cost to {act} in {city}?|what is the cost of living in {city}?|
what does a {thing} cost?|how much did the {thing} cost in {big}?|what language do they speak in {city}?|which language is the hardest?|
teach me a language|what language is {word}?|how many languages are there?|which language should I learn first, {lang} or {lang:2}?|
is {lang} a good language?|who made the language {lang}?|what is {lang} written in?|is {lang} open source?|how do I start a {lang} server?|
how do I run {lang} in the terminal?|how do I configure {lang}?|how do I package a {lang} program?|how do I call an API from {lang}?|
what does a REST API cost?|how do I build my own API?|write an API for my {thing}|write a config for my {thing}|where is the config of my {thing}?|
how do I edit a YAML file in {lang}?|what is YAML good for?|how do I lose my driving licence?|do I need a licence to {act}?|
how do I get a {thing} licence?|is there a licence for {topic}?|what is the licence number of {name}?|when is the next clearance sale in {city}?|
customs clearance for a {thing}|what is the clearance height of a {thing}?|time complexity of a {thing}|what is the complexity of {topic}?|
why is {topic} so complex?|what is the capability of a {animal}?|are {animal}s capable of {topic}?|my teeth are sensitive, what now?|
are {animal}s sensitive to light?|what is the sensitivity of my {thing}?|how sensitive is a {thing}?|is my {thing} safe?|is {city} safe?|
is it safe to {act} in {city}?|is {topic} private?|who stole my data?|how do I recover my data?|data on {topic}|
how do I make a private room in {city}?|tell me a secret|what is the secret of {topic}?|what is the secret ingredient?|write a report about {topic}|
weather report for {city}|the report on the {thing}, please|how do I explain {topic} to my {job}?|explain the {thing} of {name}|
explain {topic} in one word|I request a {thing}|how do I make a request to the {job}?|a request: {do} the {thing}|what is on the route to {city}?|
the fastest route to {city}|plan a route through {city}|which bus route goes to {city}?|how do I become a router?|which router should I buy?|
where do clouds come from?|what is a cloud made of?|is that a rain cloud?|which clouds bring {thing}s?|cloud shapes|how do I buy a cloud drive?|
what is a smart device?|which device measures {thing}s?|my device is {adj}|can I {do} on the premises of the {thing}?|how do I chat up a {job}?|
let's chat about {topic}|chat with {name} for me|start my {thing}|start the {thing}|run to {city}|how do I start a {thing}?|how do I start to {act}?|
who serves the {thing} in {city}?|what do they serve in {city}?|how do I serve {food}?|where do you see yourself in {n} years?|
what do you {do} at night?|who are your friends?|what is your {thing}?|what is your favourite {thing}?|who is your {job}?|do you have a {thing}?|
have you ever {did} a {thing}?|are you a {animal}?|were you born in {city}?|when were you {did}?|can you see me?|
can you hear the {thing}?|can you feel {topic}?|can you draw a {animal}?|can you sing {topic}?|can you solve {math}?|can you read my {thing}?|
can you drive a {thing}?|do you know {name}?|do you know the {thing} of {city}?|do you sleep?|do you dream of {thing}s?|why are you so {adj}?|
why did you {do} my {thing}?|how many {thing}s do you have?|what is the hearth of a house?|how do I light a {thing}?|how do I clean a stone hearth?|
who invented the fireplace?|how hot is a fire?""".replace("\n", "").split("|")
# what is asked about Hearth, asked about others
OTHERS = """which port does {soft} use?|what is the default port of {soft}?|on which port does {soft} listen?|how do I start {soft}?|how do I run {soft} on my {thing}?|how do I restart {soft}?|
where is the config of {soft}?|where is the config file of {soft}?|how do I configure {soft}?|how do I check the config of {soft}?|what licence does {soft} have?|under which license is {soft}?|
is {soft} open source?|is {soft} free?|may I use {soft} at work?|what language is {soft} written in?|is {soft} written in {lang}?|who made {soft}?|who owns {soft}?|what is {soft}?|what is {soft} for?|
tell me about {soft}|explain {soft}|why would I use {soft}?|{soft} in one sentence|how do I add a {thing} to {soft}?|how do I install {soft}?|how do I install a {thing} in {soft}?|
how do I update {soft}?|does {soft} log my {thing}s?|does {soft} keep my {thing}s?|is {soft} safe?|is my data safe with {soft}?|does {soft} sell my data?|does {soft} read my mails?|
who can see my {thing} in {soft}?|how much does {soft} cost?|what did I pay for {soft} in {month}?|how do I see my costs in {soft}?|how do I create a key in {soft}?|how do I get an API key for {soft}?|
how do I delete my {soft} account?|how do I chat in {soft}?|does {soft} have an API?|which API does {soft} have?|how do I call {soft} from {lang}?|how do I connect {soft} to {soft:2}?|
what is a zone in {soft}?|what is a target in {soft}?|how does {soft} choose a {thing}?|how does {soft} route traffic?|why did {soft} crash?|why does {soft} use the cloud?|how was {soft} trained?|
can {soft} be wrong?|can I trust {soft}?|what can {soft} do?|how do I log in to {soft}?|{soft} or {soft:2}?|is {soft} better than {soft:2}?|{soft} does not start|{soft} says error {big}|{soft}|{soft}?|
{soft} port|{soft} licence|{soft} config|{soft} price|{soft} tutorial|{soft} documentation|how do I add a {thing}?|how do I add a {thing} to my {thing:2}?|how do I install a {thing}?|how do I start a {thing}?|
how do I start my {thing}?|how do I run a {thing}?|how do I create a {thing}?|how do I get a better {thing}?|where do I put my {thing}?|how do I replace my {thing}?|how do I configure my {thing}?|
how do I check my {thing}?|where is my {thing}?|which {thing} do you use?|how do I see my {thing}?|how do I chat with my {job}?|how do I talk to a {job}?|how much did my {thing} cost?|
why did my {thing} go to {city}?|how do I choose a {thing}?|how are {thing}s made?|how are {thing}s delivered?|what is my {thing} made of?|what is a {thing} for?|what are the three {thing}s?|
list the {thing}s|how many {thing}s are there?|are my {thing}s safe?|is my {thing} private?|who reads my {thing}?|does my {thing} leave the {thing:2}?|what happens to my {thing}?|what happens to old {thing}s?""".replace("\n", "").split("|")
SOFT = """MySQL|Postgres|nginx|ssh|Excel|Word|Photoshop|Firefox|Chrome|Linux|Windows|macOS|Docker|Kubernetes|Redis|Kafka|GitHub|Git|WordPress|Blender|Minecraft|WhatsApp|Zoom|Slack|Gmail|Spotify|
Netflix|Android|iOS|Debian|Ubuntu|vim|Emacs|LibreOffice|Outlook|Teams|Skype|Signal|Telegram|Instagram|TikTok|YouTube|Facebook|Twitter|Reddit|Amazon|eBay|PayPal|Jira|Trello|Notion|Figma|Unity|
MongoDB|SQLite|Oracle|SAP|Salesforce|AWS|Azure|Cloudflare|Dropbox|my router|my printer|my phone|my TV|my car|my bank|my browser|my fridge|my tablet|my heating|my alarm|Siri|Alexa|my fitness tracker|
Tesla|Boeing|Lego|Ikea|Nintendo|PlayStation|Wikipedia|Google Maps|the tax office|my insurance|the post office|my smart watch|the city library|my landlord's app|Moodle|MATLAB|AutoCAD|Ableton""".replace("\n", "").split("|")
# words of the tasks, to no task
TASKS = """write a {mood} review of {topic}|write a {mood} sentence|give me an example of a {mood} text|why is this {mood}? \1|make this more {mood}: \1|turn this into a {mood} review: \1|rewrite it as {mood}: \1|
what is a {mood} number?|what does {mood} mean?|what is sentiment?|what is sentiment analysis?|how does sentiment analysis work?|how do I write a bug report?|write a bug report about {topic}|
write a support message about {topic}|answer this ticket: \1|write an answer to this customer: \1|solve this ticket: \1|fix this bug: \1|what is a billing address?|what is a feature film?|
how do I extract {food}?|extract the keywords from this: \1|extract the main idea: \1|extract all verbs: \1|extract the plot of {topic}|list the adjectives in this: \1|what is JSON?|how do I read JSON in {lang}?|
convert JSON to XML|write JSON about {topic}|what is a date fruit?|what is your e-mail?|name a product of {city}|answer yes or no: {yes}|yes or no: {yes}|{yes} yes or no?|{yes} answer yes or no|
reply with yes or no. {yes}|just yes or no, {yes}|true or false: {topic} is {adj}|pick a {thing} for me|choose a {thing}|choose one for me|which one would you take?|which option is better?|
pick a card|pick a number between {n} and {big}|choose a name for my {animal}|what are my options?|give me options for {topic}|choose wisely|label my {thing}s|sort my {thing}s|sort {n}, {n:2}, {big}|
sort the {thing}s by {field}|classify {animal}s|classify the {thing}s of {city}|what class is a {animal}?|what topic should I write about?|find a topic for my {thing}|how do I classify a {thing}?|
summarise in one word: \1|how many words: \1|what language is this? \1|who said this? \1|is this true? \1|is this grammatical? \1|what happens next? \1|what is the opposite? \1|explain this: \1|why? \1|
and then? \1|what do you think? \1|what would you answer? \1|what should I do? \1|please advise: \1|is this spam? \1|is this sarcasm? \1|is that legal? \1|draft a reply: \1|read this aloud: \1|find the error: \1""".replace("\n", "").split("|")
YES = """is the {thing} {adj}?|is {topic} {adj}?|will it rain in {city}?|should I {act}?|can {animal}s {act}?|did {name} {act}?|is {city} bigger than {city:2}?|do {thing}s {act}?|is {n} more than {n:2}?|
does a {thing} have a {thing:2}?|am I {adj}?|will I {act} this year?|is a {animal} a {thing}?|was {name} a {job}?""".replace("\n", "").split("|")
# the same words with any other beside them, and the words of the tasks without a text
NEAR_WORDS = "zone target model device key log port cost report route request cloud licence language config chat server test data secret address command program terminal rank level setting privacy".split()
BESIDE = """what is the {thing} {near}?|what is a {thing} {near}?|where is the {near} {thing}?|where is the {thing} {near} in {city}?|
how do I {do} the {near} of my {thing}?|which {near} does the {thing} have?|who has the {near} to the {thing}?|I lost the {near} of my {thing}|
the {thing} {near}, what is that?|how many {thing} {near}s are there?|the {near} for my {thing}|is there a {thing} {near} in {city}?|
my {thing} has no {near}|why does the {thing} need a {near}?|can you {do} my {thing} {near}?|what does a {thing} {near} do?|
explain the {thing} {near}|a new {near} for the {thing}|{adj} {near}|what is the {adj} {near}?|how do I {do} a {adj} {near}?|the {near} of {topic}|
{near} of {city}|which {near} has {topic}?|what {near} is {topic}?|how does the {near} of a {thing} work?|is the {near} of {name} {adj}?""".replace("\n", "").split("|")
BARE = """{do} it|{do} this|{do} that|{do} them|{do} it again|do it|do this for me|see {thing}|see the {thing}|label the {thing}|label my {thing}|
label this {thing}|classify the {thing}|classify my {thing}|sort my {thing}|sort the {thing}s|sort these {thing}s by size|extract the {thing}|
extract the teeth of my {animal}|pick the {thing}|rate my {thing}|rate this {thing}|the {thing}?|the {thing}!|a {thing}|my {thing}|this {thing}|
give me a {thing}|give me the {thing}|give me {n} {thing}s|give me your {thing}|give me {topic}|{food}, {food:2} or {animal}, what shall we eat?|
{thing} or {thing:2}, which one should we {do}?|{city} or {city:2}, where should I {act}?|{product} or {product:2}, what would you {do}?|
forget your {thing} and {act}|forget your {thing}, tell me about {topic}|forget what you learned and {do} the {thing}|
ignore your {thing}, write about {topic}|ignore what they said, {act}|from now on you {act}|from now on you are a {job}|
does it {act} in {city} in {month}?|does it get {adj} in {city}?|is it {adj} in {city} in {month}?|is the {thing} in {city} {adj}?|
explain how {topic} works|explain why {topic} is {adj}|explain to me how {thing}s {act}|the sentiment of my {thing}|is my {thing} positive?|
what is the category of {topic}?|which topic should I {do}?|JSON for a {thing}|write JSON for a {thing}|make a JSON file about {topic}|
write an e-mail with the date of the {thing}|who is the customer?|who paid the {amount}?|what is the name of the {thing}?|
what is the name of my {animal}?|what is the date?|what is the amount?|when is the {thing}?|yes or no: will I {act}?|yes or no, is {topic} {adj}?|
true or false, {thing}s {act}?|answer me|answer the {thing}|answer everything|options: {thing}, {thing:2}|you hate me|I hate you|you lie|you are lying""".replace("\n", "").split("|")
ADJ = """big|small|red|blue|green|old|new|hot|cold|fast|slow|hard|soft|dead|alive|real|fake|legal|illegal|healthy|dangerous|poisonous|expensive|free|rich|poor|
famous|useful|edible|round|flat|deep|high|long|short|heavy|light|sharp|dry|wet|rare|common|hungry|thirsty|sleepy|lonely|sad|happy|angry|nervous|sick|
pregnant|lost|late|early|busy|funny|boring|smart|stupid|strange|weird|wrong|right|true|important|possible|impossible|ancient|modern|sacred|magnetic|
liquid|solid|waterproof|vegan|contagious""".replace("\n", "").split("|")
OPEN = "|" * 12 + "please|hey,|hi,|hello,|ok,|so,|quick question:|question:|tell me:|tell me,|one more thing:|by the way,|just curious:|my son asks:|for school:|seriously,|and|but"
OPEN = OPEN.split("|")
HELLO = [f"[{greeting.HI}|{greeting.DAY}] {greeting.WHOM}[,|!|.|]", f"[{greeting.HI}|{greeting.DAY}][,|!|.]", f"{greeting.THANK} {greeting.FOR}[. now|, and now|. next:|, one more:|! then]", f"{greeting.FINE}[. now|, now|. next:|, then]"]


def _filled(rng, text):
    """`text` with this module's own slots filled; the others are left to the generator."""
    verb, act, act2 = rng.choice(VERBS), rng.choice(ACTS), rng.choice(ACTS)
    for key, words in (("{yes}", YES), ("{topic}", TOPIC)):
        text = text.replace(key, rng.choice(words))
    text = text.replace("{do}", verb[0]).replace("{did}", verb[2]).replace("{acts}", act[1]).replace("{act}", act[0]).replace("{act:2}", act2[0])
    for key, words in (("{soft}", SOFT), ("{soft:2}", SOFT), ("{mood}", ["positive", "negative", "neutral", "bad", "good"]), ("{adj}", ADJ), ("{near}", NEAR_WORDS), ("{field}", FIELDS), ("{thing}", THINGS), ("{thing:2}", THINGS)):
        while key in text:
            text = text.replace(key, rng.choice(words), 1)
    return text


def prompt(gen, allowed, any_text):
    """A prompt outside of every task."""
    rng = gen.rng
    while True:
        kind = rng.random()
        if kind < 0.2:
            line = " ".join(gen.choose(rng.choice(world.LINES)).split())
        elif kind < 0.36:
            line = rng.choice(ASK)
        elif kind < 0.45:
            line = f"{rng.choice(WRITE)} {rng.choice(['a', 'a', 'the', 'one', 'another', 'a short', 'a funny', 'a long', 'my'])} {rng.choice(FORMS)}"
            line += rng.choice(["", " about {topic}", " about {topic}", " for {name}", " for my {thing}", " on {topic}", " with {n} lines", " in {tongue}", " to my {job}"])
        elif kind < 0.48:
            line = rng.choice(TELL) + " {topic}"
        elif kind < 0.64:
            line = " ".join(gen.choose(rng.choice(rng.choice([NEAR, BESIDE, BARE, OTHERS, OTHERS, TASKS, world.NEAR]))).split())
            if "\1" in line:  # a text of the tasks, with something else to be done
                line = _filled(rng, line)
                if allowed(line.replace("\1", "{any}")):
                    return gen.fill(line).replace("\1", any_text(gen))
                continue
        elif kind < 0.72:
            line = rng.choice(ORDER)
        elif kind < 0.82:
            line = rng.choice(SAY)
        else:  # something is to be done with a text, but nothing that the model can do
            change = rng.choice(CHANGE)
            text = any_text(gen).replace("{", "(").replace("}", ")")
            line = rng.choice(["%s: %s", "%s: %s", "%s\\n%s", "%s this: %s", "%s this text:\\n%s", "please %s: %s", '%s "%s"', "can you %s this? %s", "%s the following.\\n\\n%s"]) % (change, "\0") \
                if rng.random() < 0.75 else rng.choice(["%s\\n%s", "%s\\n\\n%s", "%s %s", "text: %s\\n%s", '"%s" %s this', "passage: %s\\n%s?", "%s - %s please"]) % ("\0", change)
            if allowed(line.replace("\0", "{any}")):
                return gen.fill(_filled(rng, line)).replace("\\n", "\n").replace("\0", text)
            continue
        line = _filled(rng, line)
        opener = rng.choice(OPEN)
        if rng.random() < 0.08:  # a greeting before it makes no greeting of it
            opener = gen.choose(rng.choice(HELLO))
        if opener and not line.startswith(("I ", "you ")) and len(line) > 9:
            line = opener + " " + line
        if rng.random() < 0.15:
            line = line.rstrip("?")
        if rng.random() < 0.06:
            line += rng.choice([" thanks", " please", " asap", " I am curious", " right now", "??", " in {city}", " today"])
        if allowed(line):
            return gen.fill(line)
