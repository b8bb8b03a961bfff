"""Support messages, put together from parts that the lists do not have. Only for training, as in grammar.py: a held-out
template or filler is never made.
"""
import frames
import grammar

PART = """button|menu|search box|map|chart|export|upload|sync|notification|toolbar|cart|form|video player|playlist|filter|sort order|dark theme|widget|scanner|
chat window|camera preview|PDF|table view|tab|slider|dropdown|login page|captcha|fingerprint login|plugin|installer|updater|webhook|import|template|
editor|spell checker|translation|clock|backup|share link|QR code|side bar|start page|settings page|profile picture|photo album|comment field|
attachment|address book|timer|reminder|contact list|status bar|progress bar|colour picker|date field|phone field|password reset|confirmation mail|
print preview|zoom|scroll bar|tooltip|keyboard shortcut|microphone|speaker|Bluetooth link|wifi setup|desktop client|browser extension|mobile app|
web app|installer|server|database|report|dashboard|calendar view|inbox|trash folder|help page|checkout page|seat map|route planner|image upload|
file picker|language switch|voice search|live stream|subtitles|news feed|app icon""".replace("\n", "").split("|")
FAILS = """shows a blank page|crashes|freezes|spins forever|returns error {big}|is greyed out|jumps to the top|loses my changes|doubles every entry|
sorts the wrong way|ignores my input|covers the button|closes by itself|does not open|does not load|does not save|does not respond|
sends everything twice|deletes the wrong item|shows question marks instead of letters|is upside down|flickers|is black on black|
points to the wrong place|is one hour off|counts wrong|leads nowhere|throws an exception|times out|cuts off the last line|plays no sound|
prints empty pages|overlaps the text|shows the wrong name|rejects my correct password|forgets my settings|drains the battery|hangs at {n} percent|
won't scroll|vanishes|is empty|shows everything twice|goes blank|gets stuck|logs me out|keeps reloading|loops|turns grey|stays white|
shows the data of another user|opens the wrong file|says not found|says access denied|says unknown error|fails without a message|stopped working|
is broken|does nothing|is dead|is unreadable|shows nonsense|shows HTML code|calculates wrong totals|repeats the last item|skips every second line|
swaps day and month|will not start|cannot be closed|cannot be clicked|disappears behind the keyboard|eats my text|mixes up two users|
asks for the password again and again|shakes""".replace("\n", "").split("|")
WHEN = """after the update|since {weekday}|on my tablet|in Firefox|in Safari|when I click save|every time|at random|with more than {n} files|in landscape mode|
on small screens|when I log in|after {n} minutes|since version {n}|on Android|on my Mac|under Windows|when I turn the phone|without wifi|
on the second try|if the name is long|when two people edit|while printing|after waking up|in dark mode|for users in {city}|on page {n}|
when I type fast|with an umlaut in the name|again|today|all the time|since yesterday""".replace("\n", "").split("|")
WISH = """a dark theme|keyboard shortcuts|export to Excel|export to PDF|an offline mode|more languages|a {tongue} version|bulk editing|multi-select|
drag and drop|templates|tags|colour labels|reminders|a snooze function|guest access|calendar sync|an integration with {brand}|voice input|
larger fonts|an undo history|custom fields|a print view|home screen widgets|a public API|webhooks|a dashboard|more filters|sorting by {noun}|
favourites|pinned items|an archive|comments|mentions|emoji reactions|polls|a map view|statistics|read receipts|a trash bin|a search history|
a night mode|a compact view|a family plan mode|parental controls|two windows side by side|auto save|spell checking|a Linux version|
an app for the watch|a {noun} view|a {noun} list|a button for the {noun}|an option for the {noun}|a filter for the {noun}|a {noun} counter|
nicer icons|a progress bar|a countdown|a random mode|version history|shared folders|group chats|video calls|screen sharing|a whiteboard|
a barcode scanner|face login|a backup function|import from {brand}|scheduled sending|e-mail alerts|push alerts|a weekly summary|a plan for the {noun}|
support for {lang}|custom colours|my own logo|single sign-on""".replace("\n", "").split("|")
ABLE = """sort the {noun} by date|group things|rename a {noun}|choose the colours|hide the {noun}|schedule a {noun}|lock a {noun}|copy a {noun}|
merge two {noun}s|undo the last step|share a {noun} with guests|edit several at once|print a {noun}|zoom into the {noun}|reply by e-mail|
mute a {noun}|search inside the {noun}|drag a {noun} to the {noun:2}|use it offline|log in with {brand}|change the font|pin a {noun}|set a reminder|
add notes to a {noun}|see who read it|switch accounts|use two screens|record a {noun}""".replace("\n", "").split("|")
FEATURE = """please add {wish}|I'd love {wish}|I would like {wish}|could you support {wish}?|can we have {wish}?|can we get {wish} for the {part}?|
it'd be nice to have {wish}|missing: {wish}|what I miss is {wish}|why is there no {wish}? please build it|idea: {wish}|suggestion: {wish}|
wish list: {wish}, {wish2}|my wish: {wish}|next version: {wish}, please|would be great to {able}|let us {able}|let me {able}|allow users to {able}|
make it possible to {able}|please make it possible to {able}|it should be possible to {able}|I want to be able to {able}|
could one {able} in a future version?|a way to {able} would help|an option to {able}, please|will there be {wish}?|is {wish} planned?|
any plans for {wish}?|when will you offer {wish}?|on the roadmap: {wish}?|{wish} would be perfect|{wish} would save us hours|
{wish}, that would be something|{wish} for the {part}, please|the {part} needs {wish}|the {part} should {able}|
improve the {part} so that we can {able}|extend the {part} with {wish}|add {wish} to the {part}|I vote for {wish}|others have {wish}, you should too|
please think about {wish}|consider {wish}|feature wish: {able}|feature idea: {wish}|nice to have: {wish}|we need {wish} in our team|
our team asks for {wish}|how about {wish} in the {part}?|if only I could {able}|it would help to {able}|I dream of {wish}|bring back {wish}""".replace("\n", "").split("|")
BUG = """the {part} {fails}|{part} {fails} {when}|the {part} {fails} {when}|{when} the {part} {fails}|your {part} {fails}|my {part} {fails} {when}|
when I open the {part}, it {fails}|as soon as I touch the {part}, the {part2} {fails}|I click the {part} and it {fails}|
the {part} {fails} and the {part2} {fails2}|bug in the {part}: it {fails}|error in the {part}|bug report: {part} {fails}|
problem with the {part}: {fails} {when}|the {part} {fails}, is this known?|can't use the {part}, it {fails}|cannot open the {part} {when}|
the {part} worked last week, now it {fails}|steps: open the {part}, wait. result: it {fails}|expected: {part} works. actual: it {fails}|
for me the {part} {fails} {when}|same problem here, {part} {fails}|error {big} in the {part} {when}|error message {when}|crash {when}|
stack trace attached, the {part} {fails}|screenshot attached: {part} {fails}|why does the {part} {when} not work?|why is it that the {part} {fails}?|
nothing happens when I press the {part}|{part} broken {when}|{part} not working|{part} {fails}!!!|the {part} and the {part2} both fail {when}|
please fix the {part}, it {fails}|please repair the {part}|it {fails} {when}|everything {fails} {when}|reinstalled it, the {part} still {fails}""".replace("\n", "").split("|")
MONEY = """invoice|bill|receipt|refund|payment|charge|direct debit|bank transfer|credit note|subscription fee|renewal|reminder of payment|late fee|discount|
voucher|deposit|card payment|instalment|price|tax|VAT|balance|credit|money|standing order|surcharge|currency|quote|purchase order|payout|annual fee|
monthly fee|gift card""".replace("\n", "").split("|")
PAY = """PayPal|Visa|my credit card|Apple Pay|my bank|Mastercard|Klarna|the bank transfer|my debit card|Google Pay|my bank account|the card of my company""".replace("\n", "").split("|")
BILLING = """there is a mistake in my {money}|my {money} of {date} is wrong|I do not understand the {money}|where can I find my {money}?|
I have not got a {money} for {month}|please send me the {money} for {month}|please send the {money} to {email}|please correct the {money}|
question about my {money}|question on {money} {order}|{money} missing|two {money}s for one order|{pay} was charged twice|{pay} shows two payments|
{pay} was charged {amount}|you took {amount} from {pay}|you charged {amount} instead of {amount:2}|why was I charged {amount}?|
what is the charge of {amount} on {date}?|I paid {amount}, but you say I did not|I paid twice|I want my {amount} back|I want my money back|
when do I get my refund?|how long does a refund take?|can I get a refund?|refund for {month} please|refund of {amount} has not come|
my {pay} was declined|{pay} does not go through, can I pay otherwise?|can I pay with {pay}?|can I pay by invoice?|can I pay in {n} instalments?|
how do I change from {pay} to a transfer?|update my card, the old one expires in {month}|cancel my subscription|
I cancelled, why do you still charge me?|stop charging me|please stop the {money}|how much is the {money}?|how much does it cost per month?|
what does the big plan cost?|is there a discount for schools?|the discount was not applied|voucher code is refused|
the VAT number on the {money} is missing|our tax office needs the {money}|our accountant needs the {money} of {month}|
the company name on the {money} is wrong|please change the address on the {money}|price went up from {amount} to {amount:2}, why?|
you said {amount}, the {money} says {amount:2}|the trial was free, but I was charged|I downgraded, yet the {money} is the same|
pay yearly or monthly, what is cheaper?|please pay out my credit|my balance shows {amount} too much|bill me in dollars, please|
got a reminder, although I paid on {date}|the {money} is too high|unknown {money} of {amount}|{money} twice in {month}|
{money} {order}: who pays the {money2}?|can you waive the {money}?|can the {money} be split between two companies?|when is the next {money} due?|
do prices include tax?|switch me to the cheaper plan""".replace("\n", "").split("|")
OTHER = """when do you open?|when do you close on {weekday}?|are you open on {date}?|where is your shop in {city}?|how do I get to your {noun}?|
is there parking at the {noun}?|do you deliver to {city}?|how long does shipping to {city} take?|where is my parcel?|
my parcel with the {product} has not arrived|the {product} came in the wrong colour|I want to return the {product}|how do I send the {product} back?|
is the {product} in stock?|which size of {product} do I need?|how do I clean the {product}?|what is the {product} made of?|
where is the {product} made?|does the {product} come with a {noun}?|can I pick up the {product} on {weekday}?|who do I ask about the {noun}?|
who is in charge of the {noun}?|please forward this to {name}|please tell {name} to call me|can {name} call me back?|my new address is in {city}|
I moved to {city}|I changed my name|please delete my account|please close my profile|delete my data|take me off the mailing list|
how do I change my e-mail?|I forgot my user name|which documents do I need for the {noun}?|do you have jobs for a {job}?|
I want to work for you as a {job}|I am a {job} looking for work|are you looking for a {job}?|can I do an internship?|
I am writing an article about the {noun}|press inquiry about the {noun}|we would like to interview {name}|
we are a {noun} from {city} and want to visit you|can our class visit your {noun}?|would you sponsor our {noun}?|
we offer {noun}s, are you interested?|shall we work together?|I would like to become a partner|thank you for everything|
great support yesterday, thanks to {name}|just wanted to say thank you|happy birthday to {name}|merry Christmas to all of you|
see you at the fair in {city}|please send me a brochure|please send me the manual for the {product}|do you have a catalogue?|
what is your phone number?|what is your address?|what is your fax number?|who founded the company?|how many people work for you?|
is your {noun} accessible?|are dogs allowed in the {noun}?|may I bring my {animal}?|I left my {product} at your {noun}|
I found a {product} in front of your {noun}|I lost my key at the {noun}|is {name} in today?|is the {noun} on {weekday} still on?|
I can't come to the {noun} on {date}|please move my appointment to {date}|I would like an appointment on {date}|when is the {noun} in {city}?|
how do I sign up for the {noun}?|do you speak {tongue}?|which {product} do you recommend?|do you repair {product}s?|
is this the right address for the {noun}?|sorry, wrong address|please ignore my last mail|test|hello?|anybody there?|
your {noun} in {city} is beautiful|your driver blocked our gate|your leaflets litter our street|the music at your {noun} is too loud|
what do you do with my data?|what is your privacy policy?|are you on holiday in {month}?|do you have vegan {food}?|
I am the new neighbour of your {noun}|can I rent your {noun} for a party?""".replace("\n", "").split("|")
LINES = {"billing": BILLING, "bug": BUG, "feature": FEATURE, "other": OTHER}


FREE = grammar.Free("area", "symptom", "wish", "cause", "plan")
PART, FAILS, WHEN, WISH = (grammar.trainable(words, "area", "symptom", "wish", "cause", "plan") for words in (PART, FAILS, WHEN, WISH))


def text(gen, label, allowed):
    """A support message that belongs to `label`."""
    rng = gen.rng
    while True:
        line = rng.choice(LINES[label])
        for key, words in (("part", PART), ("part2", PART), ("fails", FAILS), ("fails2", FAILS), ("when", WHEN), ("able", ABLE), ("wish", WISH), ("wish2", WISH),
                           ("money", MONEY), ("money2", MONEY), ("pay", PAY), ("noun", frames.PLAIN), ("noun:2", frames.PLAIN)):
            while "{" + key + "}" in line:
                line = line.replace("{" + key + "}", rng.choice(words), 1)
        line = line.replace("my my ", "my ").replace("my the ", "the ")
        if allowed(line) and FREE(line):
            return gen.fill(line)
