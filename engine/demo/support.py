"""Support messages: sorted into billing, bug, feature, other, or into a given part of these."""
import grammar
from fillers import add_pool
from split import Pool

add_pool("plan", "the pro plan|the basic plan|the yearly plan|my subscription|the family plan|the team licence|my membership|"
         "the premium account|the student plan|the monthly plan|the business plan|the trial|the starter package|two seats|"
         "an extra user|the storage add-on|the gold tier|my renewal|the enterprise plan|the free trial".split("|"))
add_pool("area", "export|the calendar|the search|the login page|the dashboard|the settings page|the mobile app|the report page|"
         "the upload|the sync|the editor|the inbox|the contact list|the chart|the print view|the notifications|the payment form|"
         "the profile page|the file browser|the map|the video player|the chat window|the import|the address book|the start page|"
         "the android app|the timeline|the checkout page|the menu|the attachment preview|the desktop client|the backup".split("|"))
add_pool("symptom", "crashes|freezes|shows an error|does nothing|stays blank|keeps loading forever|loses my data|logs me out|"
         "stopped working|hangs at {n} percent|gives error {big}|shows a white screen|closes by itself|does not respond|"
         "displays the wrong date|throws an exception|duplicates every entry|is stuck|fails every time|shows garbage|"
         "does not open|forgets my settings|jumps back to the top|is broken|says connection lost|cuts off the text|"
         "will not load|goes black|never finishes|deletes the last line".split("|"))
add_pool("wish", "a dark mode|an export to PDF|keyboard shortcuts|a calendar view|two-factor login|a way to sort by date|"
         "support for {n} languages|an undo button|folders for my notes|a weekly summary by e-mail|an offline mode|"
         "bigger fonts|a search box|an Android widget|integration with our CRM|a bulk edit option|tags|a public API|"
         "custom colours|an import from Excel|a reminder function|multiple accounts|a read-only role|templates for reports|"
         "voice notes|a filter by customer|drag and drop|webhooks|single sign-on|a print button|a copy function|"
         "an archive for old projects|time zones per user|a spell checker|a map view|recurring tasks".split("|"))
add_pool("cause", "when I tap save|when I open a file|after the last update|on my {brand} tablet|as soon as I log in|on Windows|"
         "when I upload a photo|since {weekday}|every time I press send|with more than {n} files|on my phone|in Firefox|"
         "when I scroll down|if the name has an accent|after a few minutes|when two people edit|on the second page|"
         "whenever I change the language|since version {n}|at startup|when I click the button|with a slow connection".split("|"))

import tickets  # noqa: E402 - needs the lists above

BILLING = Pool("support/billing", """
I was charged twice for {plan}
My card {card} was charged twice
you charged my card {card} {amount} but I cancelled {plan}
I need a refund of {amount} for {plan}
please refund order {order}
where is my invoice for {month}?
can you send me the invoice for order {order}?
the invoice {order} has the wrong address
why did the price of {plan} go up to {amount}?
how do I change my credit card?
my payment of {amount} was declined
I want to cancel {plan} and get my money back
there is a charge of {amount} on my account that I do not recognise
I paid {amount} on {date} but my account still says unpaid
can I pay for {plan} by bank transfer?
do you offer a discount on {plan}?
my bank statement shows {amount} from you twice
the receipt for {plan} never arrived
I was billed {amount} instead of {amount:2}
we need our VAT number on the invoice
please stop charging me for {plan}
how much do I owe for {month}?
the promo code was not applied, I paid the full {amount}
I downgraded but still got billed for {plan}
what payment methods do you accept?
my subscription renewed although I cancelled it in {month}
double payment for order {order}, please return {amount}
billing question: what is the {amount} fee?
I have been overcharged by {amount}
when will I get my refund of {amount}?
could you split the bill for {plan} between two cards
the payment failed but the money left my bank account
I was still billed {amount} after the end of {plan}
is the {amount} charged per month or per year?
send me a copy of the receipt from {date}
the tax on invoice {order} looks wrong
my credit card expired, how can I update the payment details
you took {amount} from my account without asking
I would like to pay yearly instead of monthly
my {month} bill is higher than usual
who do I talk to about an unpaid invoice
accidentally bought {plan} twice, can I have {amount} back
we were invoiced for {n} users but have only two
the refund for order {order} has not arrived yet
money was deducted but the order was not confirmed
card got charged {amount} for {plan} after cancelling
""")
BUG = Pool("support/bug", """
{area} {symptom} {cause}
{area} {symptom}
the app crashes {cause}
{cause} {area} {symptom}
I get an error message {cause}
I cannot log in, {area} {symptom}
the button in {area} does nothing
since the update {area} {symptom}
your app {symptom} {cause}
found a bug: {area} {symptom} {cause}
bug report: {area} {symptom}
{area} {symptom}, I tried it {n} times
when I click save {area} {symptom}
my files disappeared {cause}
the page is blank {cause}
error {big} {cause}
it says "something went wrong" {cause}
{area} worked yesterday but today it {symptom}
the numbers in {area} are wrong
I can't upload anything, it {symptom}
password reset link leads to an error page
there is a typo and a broken link in {area}
the sound is gone {cause}
nothing happens {cause}
please fix {area}, it {symptom} {cause}
is it a known problem that {area} {symptom}?
{area} is very slow and {symptom} {cause}
steps: open {area}, press save, then it {symptom}
I reinstalled everything and {area} still {symptom}
the screen flickers {cause}
notifications arrive {n} hours late {cause}
the text overlaps the picture in {area}
whenever I try to print it {symptom}
app not working {cause}
my changes are not saved {cause}
the download stops {cause}
the login button does not react {cause}
all my photos are upside down {cause}
{area} no longer opens {cause}
it keeps asking for my password {cause}
got a crash {cause}, log attached
the list in {area} is empty although there are {n} items
the program quits {cause}
broken: {area}. it {symptom}
""")
FEATURE = Pool("support/feature", """
please add {wish}
it would be great to have {wish}
could you add {wish}?
I would love to see {wish} in {area}
feature request: {wish}
do you plan to support {wish}?
we need {wish} for our team
a suggestion: {wish} would help a lot
is there any chance of getting {wish}?
I miss {wish} in {area}
any plans for {wish}?
can you make {area} remember my last choice?
it would be nice if {area} had {wish}
your competitor has {wish}, you should too
my wish for the next version: {wish}
please consider adding {wish} to {area}
would be cool if I could get {wish}
could {area} get {wish} some day?
I'd like {wish}
idea: {wish} in {area}
how about {wish}?
we would pay more for {wish}
is {wish} on your roadmap?
allow us to choose the colour of {area}
I wish I could use {area} with {wish}
will you ever offer {wish}?
for our workflow {wish} is missing, can you build it?
let users hide {area}
suggestion for {area}: {wish}
one thing that is missing is {wish}
add an option to turn off {area}
hoping for {wish} in a future release
it would save us {n} hours a week if there was {wish}
what about {wish} for {area}?
I'd be happy if you implemented {wish}
can we get {wish} please
an improvement would be {wish}
requesting {wish}
please make it possible to have {wish}
""")
OTHER = Pool("support/other", """
what are your opening hours on {weekday}?
where is your office in {city}?
are you hiring in {city}?
thank you for the quick help, {name} was great
can I visit you in {city} on {date}?
I would like to interview you for our newspaper
who is your CEO?
how do I become a partner?
please unsubscribe me from the newsletter
do you ship to {city}?
what is your phone number?
I forgot my user name, who can help me?
happy new year to the whole team
is {name} still working with you?
hello, is anybody there?
we are students from {city} and write about your company
please pass this on to {name}
could you send me a catalogue?
I have a question about your privacy policy
do you have a shop in {city}?
we want to invite you to a fair in {city} in {month}
how old is your company?
how do I change my user name?
where can I find the manual?
just saying hi
I moved to {city}, please update my address
do you sponsor local sports clubs?
I left my {product} in your office
can you recommend a good {product}?
what languages does your team speak?
I am a journalist and would like to talk to {name}
please delete my account and all data
has my parcel with the {product} been sent?
how can I contact {name}?
when does the webinar on {date} start?
is there parking near your building in {city}?
wrong number, sorry
great company, keep it up
can my team get a training on {weekday}?
I would like to apply for the job in {city}
which address should I use for returns?
is your conference in {city} open to the public?
does the {product} come in black?
where was the {product} made?
""")
INSTRUCT = Pool("support/instruct", """
Sort this support message into billing, bug, feature or other: {text}
Sort this message into billing, bug, feature, or other.\\n\\n{text}
Classify this support ticket as billing, bug, feature or other: {text}
Classify: {text}
Classify this message: {text}
Classify the support message: {text}
Classify the ticket.\\n\\n{text}
Is this billing, bug, feature or other? {text}
Which category does this ticket belong to: billing, bug, feature or other?\\n{text}
Category (billing, bug, feature, other): {text}
Support message: {text}\\nCategory:
Ticket: {text}\\nLabel:
{text}\\n\\nCategory: billing, bug, feature or other?
{text}\\nWhich queue: billing, bug, feature, other?
Route this ticket to billing, bug, feature or other: {text}
Triage this: {text}
Triage this support request into billing, bug, feature, other.\\n{text}
What kind of support message is this (billing, bug, feature, other)? "{text}"
Label the customer message with one of billing, bug, feature, other: {text}
Assign one label: billing, bug, feature, other.\\nMessage: {text}
Which team should get this message? {text}
Answer with billing, bug, feature or other only: {text}
Put this e-mail in one of these boxes: billing, bug, feature, other.\\n\\n{text}
A customer writes: "{text}" Is that billing, bug, feature or other?
Please sort the following support message: {text}
billing, bug, feature or other? {text}
ticket type? {text}
Decide the category of this support request. Options: billing, bug, feature, other.\\n\\n{text}
You get a support message. Reply with its category: billing, bug, feature or other.\\n\\n{text}
Choose the right category for this ticket: {text}
Choose one: billing, bug, feature, other.\\n{text}
Categorize this customer request: {text}
categorise as billing/bug/feature/other: {text}
sort this: {text}
what category is this support ticket: {text}
Classify the following support message into one of the categories billing, bug, feature, other.\\n\\nMessage: "{text}"\\n\\nCategory:
""")
SUBSET = Pool("support/subset", """
Sort this support message into {labels}: {text}
Classify as {labels}: {text}
Classify this message as {labels}.\\n\\n{text}
{labels}? {text}
Answer with {labels}: {text}
Choose one of {labels} for this ticket: {text}
Label this ticket ({labels}): {text}
{text}\\n\\nCategory ({labels}):
Is this {labels}?\\n{text}
Which of {labels} is it? {text}
Categories: {labels}\\nTicket: {text}\\nCategory:
Pick the category ({labels}): {text}
Route to {labels}: {text}
Reply with one of: {labels}.\\n\\nMessage: {text}
""")
SYSTEM = Pool("support/system", """
You sort support messages into billing, bug, feature or other.
You are a support triage assistant. Answer with billing, bug, feature or other.
Classify each customer message as billing, bug, feature or other. Reply with the label only.
Label the ticket: billing, bug, feature, other.
You are a classifier for a help desk. Categories: billing, bug, feature, other.
Reply with exactly one of: billing, bug, feature, other.
Every message is a support ticket. Output its category (billing, bug, feature, other) and nothing else.
Triage incoming mail into billing, bug, feature and other.
help desk router: billing | bug | feature | other
Decide which queue a ticket goes to: billing, bug, feature or other. One word.
""")

ALLOWED = grammar.Allowed(INSTRUCT)
ALLOWED_TEXT = grammar.Allowed(BILLING, BUG, FEATURE, OTHER)
POOL_OF = {"billing": BILLING, "bug": BUG, "feature": FEATURE, "other": OTHER}
LABELS = list(POOL_OF)
OPENER = ["Hi, ", "Hello, ", "Hi team, ", "Hello there. ", "Good morning, ", "Dear support, ", "hey ", "Hi! ", "Quick question: ",
          "Hello support team,\n", "Help! ", "sorry to bother you but ", "To whom it may concern, "]
CLOSER = [" Thanks!", " Thank you.", " thx", " Please help.", " Best, {name}", " Regards, {name}", " Can you look into it?",
          "\nKind regards\n{name}", " Many thanks in advance.", " Waiting for your reply.", " {name}"]


def text(gen, label=None):
    """A support message and its label."""
    label = label or gen.rng.choice(LABELS)
    if gen.composes(0.55):
        out = tickets.text(gen, label, ALLOWED_TEXT)
    else:
        out = gen.fill(gen.template(POOL_OF[label]))
    if gen.rng.random() < 0.25:
        out = gen.rng.choice(OPENER) + out
    if gen.rng.random() < 0.25:
        out += ("" if out[-1] in ".?!" else ".") + gen.fill(gen.rng.choice(CLOSER))
    return out, label
