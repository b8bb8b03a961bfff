"""Sentiment: a text, an instruction, and one of positive, negative, neutral."""
import grammar
from fillers import add_pool
from split import Pool

THING = """the app|this phone|my new laptop|the hotel|the food|the service|this book|the movie|the support team|the update|
the course|the website|this coffee|the battery|the screen|the sound quality|the delivery|the staff|the room|the new design|
the driver|the concert|this game|the manual|the price|the camera|the course material|the trip|the meal|this restaurant|
the product|the whole experience|the latest version|the location|the breakfast|the packaging|the interface|the fabric|
this jacket|my order|the build quality|the customer service|the tour|the museum|the flight|the seat|the pool|the dessert|
the teacher|the show|the music|the waiter|the repair|the apartment|the gym|the bus ride|the conference|the keyboard|
the {product}|this {product}|my {product}|the {brand} {product}|the place in {city}""".replace("\n", "").split("|")
POS_ADJ = """great|excellent|wonderful|fantastic|amazing|superb|lovely|brilliant|perfect|outstanding|delightful|awesome|
impressive|very good|really nice|beautiful|reliable|super fast|comfortable|friendly and helpful|delicious|worth every cent|
better than expected|a joy to use|easy to use|really well made|top notch|spotless|charming|flawless|incredible|terrific|
so much fun|pleasant|marvelous|first class|a real bargain|the best I have had|stunning|enjoyable|just right|remarkable|
quick and smooth|solid|very helpful|absolutely gorgeous|a lifesaver|exactly what I wanted|splendid|magnificent|
cozy and clean|fresh and tasty|good value|kind and patient|simply the best|elegant|exceptional|fabulous|cheerful|
a pleasure|clean and quiet|pretty awesome|good|really good|cool|sweet|nice|refreshing|worth it|a dream""".replace("\n", "").split("|")
NEG_ADJ = """terrible|awful|horrible|disappointing|useless|bad|very bad|poor|dreadful|annoying|broken|a waste of money|
too slow|rude|dirty|overpriced|unusable|a nightmare|ugly|frustrating|mediocre at best|unreliable|boring|cold and tasteless|
worse than before|the worst I have had|a complete mess|noisy|cheap and flimsy|disgusting|unacceptable|a joke|painful to use|
confusing|very uncomfortable|late again|damaged|not good|not worth it|not as described|a total letdown|pathetic|lousy|
way too expensive|falling apart|a disaster|stale|full of bugs|unfriendly|laggy|atrocious|appalling|shoddy|a scam|
really weak|not helpful at all|ridiculous|a big disappointment|filthy|horrendous|unpleasant|crap|garbage|trash|
miserable|a pain|faulty|tiny and dark|so boring|not what I ordered|rather poor|sloppy|stupid|hard to use|smelly""".replace("\n", "").split("|")
POS_PHRASE = """I love it|I really love it|we loved every minute|it does exactly what I need|it made my day|I would buy it again|
highly recommended|I can recommend it to everyone|I am very happy with it|we are so pleased|it works like a charm|
best purchase this year|I will come back for sure|five stars from me|it exceeded my expectations|everything went smoothly|
I could not be happier|no complaints at all|nothing to complain about|it never lets me down|my kids adore it|
they solved my problem in minutes|what a great surprise|I smiled the whole time|it saved me hours of work|thumbs up|
it arrived early and in perfect condition|they were kind and fast|I am impressed|keep up the good work|
I enjoy it every day|it feels great in the hand|it tastes wonderful|we had a fantastic time|they went out of their way to help|
worth every penny|such a good idea|it just works|I am a happy customer|we felt welcome from the start|can't fault it|
it is even better than the old one|my wife loves it|everyone was friendly|it looks beautiful|I was pleasantly surprised|
it runs fast and smooth|the quality is excellent|I got a great deal|the team was wonderful|so glad I bought it|
thank you for the amazing work|I am thrilled|would stay here again|can't stop using it|this is a keeper|
it is the best one I have tried|no problems so far, really happy|what a lovely evening|great job everyone|
we laughed a lot|I feel so much better now|it made everything easier|they even gave us free dessert|10/10|
a perfect gift|I am delighted with the result|super easy to set up|love love love it|it brightened our week|
finally something that works|we will definitely return|big fan of this|they fixed it right away and with a smile|
the colours are gorgeous|it was worth the wait|I slept like a baby|nothing but praise|my favourite place in town""".replace("\n", "").split("|")
NEG_PHRASE = """I hate it|I really hate it|we regret buying it|it stopped working after a week|it broke after two days|never again|
I want my money back|I am very unhappy with it|we are so disappointed|it does not work at all|worst purchase this year|
I will not come back|one star from me|it failed on the first day|everything went wrong|I could not be more annoyed|
nobody answered my emails|it keeps crashing|they ignored my complaint|what a bad surprise|I waited for hours|
it ruined my day|it wasted hours of my time|thumbs down|it arrived late and damaged|they were rude and slow|
I am fed up|stay away from this place|it hurts my hands|it tastes awful|we had a miserable time|they refused to help|
not worth a penny|such a stupid idea|it just does not work|I am an angry customer|we felt unwelcome from the start|
it is even worse than the old one|my wife hates it|everyone was unfriendly|it looks cheap|I was badly let down|
it is slow and it freezes|the quality is terrible|I got ripped off|the team was clueless|so sorry I bought it|
this is a disgrace|I am furious|would not stay here again|can't stand it anymore|I sent it straight back|
it is the worst one I have tried|nothing but problems|what an awful evening|total waste of time|we were bored to death|
I feel cheated|it made everything harder|they charged us extra for nothing|0/10|do not buy this|
I am unhappy with the result|impossible to set up|hate hate hate it|I had to throw it away|nothing works|
we will never return|avoid this at all costs|they broke it and blamed me|the colours faded after one wash|
it was not worth the wait|I could not sleep because of the noise|I expected much more|food poisoning the next day|
it smells bad|the zipper broke on day one|zero support, zero help|I got sick of waiting""".replace("\n", "").split("|")
NEU_PHRASE = """it is okay|it is fine, nothing special|it does the job|neither good nor bad|about what I expected|it is average|
it arrived on {weekday}|I ordered it in {month}|it comes in a box with {n} screws|the shop opens at {n} on {weekday}|
it weighs {n} kilos|we stayed for {n} nights|it is blue and has {n} buttons|the package holds {n} pieces|
I bought it in {city}|the meeting is on {weekday}|it has a cable and a charger|I use it about {n} times a week|
it costs {amount}|they are open until {n} in the evening|the manual has {big} pages|I have had it for {n} months|
the bus leaves from {city} at {n}|it is made of wood and steel|the next version comes out in {month}|no strong opinion|
I have not decided yet|I have nothing to compare it to|it is so-so|not great, not terrible|some parts are good, some are not|
it is a standard model|it is similar to the old one|we moved to {city} in {month}|it runs on two batteries|
my brother has the same one|it is the size of a book|the invoice was sent on {date}|there are {n} rooms on each floor|
it was delivered by post|the course lasts {n} weeks|it could be better, could be worse|I guess it is alright|
it is what it is|the report is due on {date}|it works as described, no more and no less|there is a table and {n} chairs|
it is an ordinary one|I sat near the window|the box is brown|the ticket is valid until {date}|they moved the event to {weekday}|
the office is on the second floor|we had the soup and the fish|the trip takes {n} hours|it uses the same charger|
I read it last {month}|it was repaired in {month}|the store has two entrances|mixed feelings about it|
it is neither fast nor slow|you get what you pay for|it is acceptable|can't say much about it yet|
we talked about the plan for {month}|the colour is grey|it plugs into the wall|the seats are numbered""".replace("\n", "").split("|")

add_pool("thing", THING)
add_pool("pos_adj", POS_ADJ)
add_pool("neg_adj", NEG_ADJ)
add_pool("pos", POS_PHRASE)
add_pool("neg", NEG_PHRASE)
add_pool("neu", NEU_PHRASE)
import opinions  # noqa: E402 - needs the lists above

# A opinion template serves positive and negative alike: {adj} and {op} take the polarity's list.
OPINION = Pool("sentiment/opinion", """
{thing} is {adj}
{thing} was {adj}
{thing} was {adj} and {op}
{thing} is {adj}, {op}
honestly, {thing} was {adj}
I think {thing} is {adj}
I bought this in {month} and {op}
{op}
{op}. {thing} is {adj}
{op} and {thing} was {adj}
just got back from {city}. {thing} was {adj}
we went to {city} last {month}, {op}
I have used {thing} for {n} months and {op}
after {n} weeks I can say {op}
{thing}? {adj}
{op}, {op:2}
{op}! {op:2}
my sister told me about {thing}. {op}
ordered {thing} on {weekday}, {op}
so {thing} is {adj} and {thing:2} is {adj:2}
wow, {adj}. {op}
not sure what others think but {op}
I have to say {thing} was {adj}
what can I say, {op}
to be honest {op}
everything about {thing} is {adj}
for {amount} I think {thing} is {adj}
{name} from the shop was there and {op}
update after {n} days: {op}
review of {thing}: {op}
{thing} turned out to be {adj}
it was {adj}. {op}
it is {adj}, and {op}
I find {thing} {adj}
in short: {adj}
first impression of {thing}: {adj}
Hello, I wanted to tell you that {op}
{adj}, that is all I can say about {thing}
this was my second {product} and {op}
they sent me {thing} by mistake, but in the end {op}
can I just say that {thing} is {adj}
{thing}: {adj}
really {adj}
feels {adj} to me
I gave {thing} to my father and {op}
this year {thing} has been {adj}
dear team, {op}, and {thing} is {adj}
""")
TURN_POS = Pool("sentiment/turn_pos", """
I expected {thing} to be {neg_adj}, but it was {adj}
I was worried at first, but {op}
it is not cheap, but {op}
people told me it would be {neg_adj}, yet {op}
{thing} looked {neg_adj} on the photos, but in reality it is {adj}
despite the rain {op}
not bad at all, {op}
it is anything but {neg_adj}
no delays, no trouble, {op}
I never had a problem with {thing}, {op}
after a slow start {op}
""")
TURN_NEG = Pool("sentiment/turn_neg", """
I expected {thing} to be {pos_adj}, but it was {adj}
I was excited at first, but {op}
it is cheap, but {op}
people told me it would be {pos_adj}, yet {op}
{thing} looked {pos_adj} on the photos, but in reality it is {adj}
despite the good reviews {op}
not {pos_adj} at all, {op}
it is anything but {pos_adj}
I wanted to like {thing}, but {op}
{thing} used to be {pos_adj}, now it is {adj}
oh great, {op}
thanks for nothing, {op}
""")
NEUTRAL = Pool("sentiment/neutral", """
{op}
{op}. {op:2}
{op} and {op:2}
{thing} is on the table. {op}
I ordered {thing} and {op}
about {thing}: {op}
I asked {name} about {thing}, {op}
does {thing} come with a {product}?
is {thing} still available in {city}?
what time does the shop in {city} open on {weekday}?
{name} will bring {thing} on {weekday}
I will pick up {thing} on {date}
we visited {city} in {month}. {op}
{thing} is in the office in {city}
this is a note about {thing}. {op}
please send {thing} to {city}
the order with {thing} is number {order}
{thing} comes from {city}
I saw {thing} in {city}. {op}
my order {order} has {n} items
on {weekday} we looked at {thing}, {op}
the parcel with {thing} was sent on {date}
{thing} is available in {n} colours
how do I clean {thing}?
{name} works in {city} and has a {product}
I compared {thing} with {thing:2}
the price of {thing} is {amount}
as for {thing}, {op}
{thing} has been used for {n} months
I am writing about {thing}. {op}
{name} lives in {city}
the {product} is next to the {product:2}
""")
INSTRUCT = Pool("sentiment/instruct", """
Classify the sentiment: {text}
Classify the sentiment of this text: {text}
Classify the sentiment as positive, negative or neutral: {text}
Classify the sentiment as positive, negative, or neutral.\\n\\n{text}
Is this positive, negative or neutral? {text}
Is this positive, negative or neutral?\\n{text}
What is the sentiment of this review? {text}
What is the sentiment of the following text?\\n\\n{text}
Sentiment: {text}
{text}\\n\\nIs this review positive, negative or neutral?
{text}\\nSentiment?
{text}\\n\\nSentiment:
Text: {text}\\nSentiment:
Review: {text}\\nSentiment (positive, negative, neutral):
Tell me whether this is positive, negative or neutral: {text}
Label this text as positive, neutral or negative: {text}
positive, negative or neutral? {text}
pos/neg/neutral: {text}
Does the writer sound positive, negative or neutral?\\n{text}
How does the customer feel: positive, negative or neutral? "{text}"
Please rate the sentiment of "{text}"
Determine the sentiment. Answer with one word: positive, negative or neutral.\\n\\n{text}
Answer with one word, positive, negative or neutral: {text}
sentiment of this? {text}
what's the sentiment here: {text}
Analyze the sentiment of the following sentence: "{text}"
Analyse the tone of this comment (positive/negative/neutral): {text}
Read this customer review and say if it is positive, negative or neutral.\\n\\n{text}
Decide if the message is positive, negative, or neutral. Message: {text}
I need the sentiment of this comment: {text}
Given the text below, reply with positive, negative or neutral only.\\n---\\n{text}\\n---
Sentiment analysis: {text}
Is the mood of this positive, neutral, or negative? {text}
What sentiment does this have? {text}
tell me the sentiment: {text}
is this a good or bad review (positive/negative/neutral)? {text}
Classify this review: {text}
Sort this review into positive, negative or neutral: {text}
can you tell if this is positive negative or neutral: {text}
Return the sentiment label for: {text}
""")
BINARY = Pool("sentiment/binary", """
Is this good or bad: positive or negative? {text}
""")
SYSTEM = Pool("sentiment/system", """
You are a sentiment classifier. Answer positive, negative or neutral.
Classify the sentiment of the user's message as positive, negative or neutral.
You label reviews. Reply with exactly one word: positive, negative or neutral.
Reply with the sentiment of the text: positive, neutral or negative.
You will get customer reviews. For each one say whether it is positive, negative or neutral.
Determine the sentiment of each message. Only answer with positive, negative, neutral.
Your task is sentiment analysis. Output one label: positive, negative or neutral.
sentiment classification: positive / negative / neutral
For every text, output its sentiment (positive, negative, neutral) and nothing else.
Tell me how the writer feels: positive, negative or neutral.
""")


ALLOWED = grammar.Allowed(INSTRUCT)
ALLOWED_TEXT = grammar.Allowed(OPINION, TURN_POS, TURN_NEG, NEUTRAL)


def text(gen, label=None):
    """A text and its label; in training, sometimes with other words around it."""
    out, label = _text(gen, label)
    return grammar.padded(gen, out) if gen.composes(0.3) else out, label


def _text(gen, label):
    label = label or gen.rng.choice(["positive", "negative", "neutral"])
    if gen.composes(0.6):
        return opinions.text(gen, label, ALLOWED_TEXT), label
    if label == "neutral":
        return gen.fill(gen.template(NEUTRAL).replace("{op", "{neu")), label
    turn, polarity = (TURN_POS, "pos") if label == "positive" else (TURN_NEG, "neg")
    template = gen.template(turn if gen.rng.random() < 0.2 else OPINION)
    template = template.replace("{adj", "{" + polarity + "_adj").replace("{op", "{" + polarity)
    out = gen.fill(template)
    if gen.rng.random() < 0.15:
        more = gen.template(OPINION).replace("{adj", "{" + polarity + "_adj").replace("{op", "{" + polarity)
        out += ". " + gen.fill(more)
    return out, label
