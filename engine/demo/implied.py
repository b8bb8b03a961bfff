"""Sentences that praise or blame without a word for it, and plain ones. Only for training; opinions.py uses them."""
GOOD = """we asked for the recipe before the bill|my son slept through the night for the first time|I forgot to look at my phone all evening|
the queue was long, and we knew why when we got in|my grandmother, who never eats out, asked for seconds|after {n} years it still looks as on the first day|
I have already told half the office|we stayed until they closed|the shoes came on a Friday and I danced in them on Saturday|
even my mother in law had nothing to say against it|I read it twice in one week|I missed my stop because of this book|the kids cried when we had to go home|
nobody at our table left a crumb|I bought one for each of my sisters|he fixed in {n} minutes what others could not in {n:2} weeks|
I pressed one button and it was done|my old one goes to the cellar|we have booked the same room for next year|
I went in with a toothache and came out whistling|they called me before I could call them|the second one is already ordered|my back has not hurt since|
it rained all week and we did not care|I would walk {n} miles for that soup|our guests want to know where we got it|even the dog likes it|
she remembered how I take my coffee|you could eat off the floor|not one of the {n} glasses was broken|the line was answered after one ring|
they wrapped it as if it were gold|I have not needed the manual once|my neighbours all have one now|they found my ring and sent it by courier|
the waiter brought crayons for the children without being asked|we laughed until our sides hurt|the audience stood up and clapped|
I forgot that I was at the dentist|the pain was gone the next day|I could hear a pin drop between the songs|my plants have doubled in size since|
my team uses it every day and asks for more|the driver waited until I was inside|the price was the only small thing about it|it paid for itself in {n} weeks|
he refused a tip and shook my hand|I sleep like a stone in that bed|the battery was still at {n}0 percent in the evening|
I dropped it from the second floor and it still works|they had me back on the road within an hour|my daughter wants to become a {job} because of them|
two plates, no leftovers|we came for one drink and stayed for dinner|I have cancelled all the others|there is nothing I would change|
I keep it on my desk so that everyone can see it|the sound fills the whole house|the class flew by|I passed on the first try thanks to her|
I finally understand fractions|I walked out with a smile|ten out of ten, would marry|if they sold it by the bucket I would buy two|shut up and take my money|
where has this been all my life|I wish every {thing} were like this|I wish I had found it sooner|I should have bought it years ago|the others can pack up|
this is how it should be done|they thought of everything|every cent well spent|the cat has not left it since|my hair has never been so soft|
we will name our first child after the cook|I am counting the days to the next one|I cannot wait for part two|the best {n} euros I ever spent|
you will not regret it|do yourself a favour and go|try it, you will thank me|get one while you can|tell your friends|I did not want to hang up|
I said wow out loud|the rumours are true|they deserve every star|if only there were a sixth star|it does not get any better|no notes|chef's kiss|
mission accomplished|hat tip to the {job}|I am sold|consider me a regular|you had me at hello|they kept every deadline|she went out of her way for us|
he stayed on the line until it worked|they gave me a new one on the spot|they admitted the error and sent flowers|my order came a day before it was due|
it opened up a new world to me|it carried me through a hard winter|it takes the work off my hands|it keeps what it promises|it holds more than I thought|
it cuts like butter|it shines like new|it glides over the floor|it did not skip a beat|it beat my expectations|it made the trip|it saved our marriage|
it turned my kitchen into a bakery|it turned a bad day into a good one|it brought tears of joy to my eyes""".replace("\n", "").split("|")
BAD = """we asked for the bill before the main course|my son cried all night|I looked at the clock every {n} minutes|we knew after one bite why it was empty|
I had to eat at home afterwards|after {n} days it looks ten years old|I have warned half the office|half of us left in the break|
the heel came off on the way home|even my polite aunt sent it back|I gave up on page {n}|the kids asked when it would be over|
the plates were still full when we left|I would not give it to my enemy|he needed {n} weeks for what others do in an hour|
I pressed the button and the light went out|we left a day early|I went in with one problem and came out with two|I had to call {n} times|
the third one is broken as well|my back has hurt ever since|the sun was shining and we sat in the dark|I would walk {n} miles to avoid that soup|
our guests asked what the smell was|even the dog ran away from it|he did not look up when we came in|she could not remember my name after {n} visits|
I wiped the table myself|{n} of the {n:2} glasses were broken|I hung on the line for {n} minutes and was cut off|it came in a torn bag|
my boss asked whether that was a joke|the manual is in a language nobody speaks|my neighbours gave theirs away|they lost my ring and said it was my fault|
the waiter rolled his eyes at the children|we heard every word from the next room|people walked out during the second song|
I will never forget that dentist, sadly|the pain came back the same night|I could not hear a word of it|my plants died within a week|
my team went back to paper|the driver left me in the rain with my bags|I am still waiting for my {n} euros|he asked for a tip and dropped my bag|
I woke up with a stiff neck every morning|the battery was flat by noon|it fell off the table once and that was it|
they kept the car for {n} weeks and it still rattles|my daughter never wants to go there again|three bites and I was done|
we came for dinner and left after the drinks|I am back with my old provider|I keep it in the cellar so that nobody sees it|
you hear nothing unless you hold it to your ear|the hour felt like a day|I failed in spite of {n} lessons|I understand less than before|
I walked out shaking my head|zero out of ten, would not wish it on anyone|I would not take it for free|take my advice and keep your money|
if only I had read the reviews|I wish I had my {n} euros back|I should have listened to my sister|this is how it should not be done|they thought of nothing|
every cent was one too many|my wife threw it out|the cat refuses to go near it|my hair came out in the sink|I would not feed that to my pig|
I am counting the days until the contract ends|please, no part two|the worst {n} euros I ever spent|you will regret it|do yourself a favour and stay at home|
try anything else|get one only if you like trouble|warn your friends|so much for the promises|the warnings are true|one star is one too many|
if only there were zero stars|it does not get any worse|mission failed|shame on the {job}|this one goes back|I am out|consider me gone|you lost me at hello|
now I know why it was so cheap|they missed every deadline|she acted as if we were air|he put me on hold and went to lunch|they denied it to my face|
my order came a week after the party|it closed itself for the {n}th time|it made a hard winter harder|it doubles the work|
it keeps nothing of what it promises|it holds half of what it says|it does not even cut butter|it was scratched before I opened it|
it gets stuck on every carpet|it skips every second word|it fell short|it spoiled the trip|it cost us our deposit|it turned my kitchen into a swamp|
it turned a good day into a bad one|it brought me close to tears|the zip gave up before I did|the stitches came undone at once|two left shoes in one box|
somebody had used it before me|the lid does not close and the base leaks|there was a fly in it and nobody cared|the shower was cold and so was the welcome|
the towels had holes|they had given our room to someone else|the pool was green|the view was of a wall|we slept in our coats|
the lift was out of order all week|the brochure must show another place|my calls go to a machine|the form asks me the same thing {n} times|
the app knows everything but what I need|support sends me the same text every day|nobody knows anything there|they shrugged|he yawned in my face|
they sent me from door to door|I was number {n} in the queue|all I got was a voucher|I am still on hold|still nothing""".replace("\n", "").split("|")
PLAIN = """it stands in the hall|it came with two keys|it has a lid and a handle|it is {n} centimetres wide|it is made in {city}|it runs from {weekday} to {weekday:2}|
it starts at {n}|it ends in {month}|it is on the list|it is the third from the left|it is for adults|it can be folded|it needs two batteries|
it is sold in packs of {n}|it is listed under {order}|it has been there since {month}|the {colour} one is mine|there are {n} of us|
there are two of them, one {colour}, one {colour:2}|we sat by the door|we took the early train|we came by bus|we live next door|we have had it since {month}|
we ordered {n}|I ordered the {colour} one|I use it on {weekday}|I took it along to {city}|I have the one from {month}|I paid by card|I paid in cash|
I was there with {first}|I am {n} years old|I work as a {job}|I asked for the address|I wrote down the number|I will ask {first}|I have not opened it yet|
I have not been there yet|I have only read the first page|I will try it on {weekday}|I saw the film before the book|I got the number from {first}|
I need it by {date}|I turned left at the church|please call back on {weekday}|please send the form|please note the new address|can you tell me the price?|
can I pay by card?|which bus goes there?|what time is it on?|who has the key?|where do I park?|how many fit in?|is it open on {weekday}?|
is there one in {colour}?|does it come in {colour}?|when is the next one?|how long does it take?|the door is on the left|the office is closed on {weekday}|
the key is with {first}|the box holds {n} pieces|the bill is on the table|the bag is {colour}|the walls are {colour}|the floor is of wood|
the name is on the door|the number is {big}|the size is {n}|the film is {n} minutes long|the course has {n} parts|the menu has {n} dishes|
the tour goes through {city}|the room is on the {n}th floor|the parcel is at the post office|the table is for {n}|the ticket costs {amount}|
the meeting was moved to {weekday}|the new one comes in {month}|the old one is in the cellar|the other one is {colour}|the rest comes in {month}|
{first} has the same one|{first} works there|{first} will come at {n}|{first} lives in {city}|{first} and {first:2} took part|{n} people took part|
{n} of {n:2}|from {city} to {city:2}|on {weekday} at {n}|as in {month}|the same as in {month}|as planned|as before|as described|as usual|nothing new|
no change|no comment|more or less|so so|half and half|in between|could go either way|hard to say|too early to tell|I can't judge that|I have no view on it|
ask me next month|neither here nor there|it was what it was|par for the course|run of the mill|like any other|a {thing} like any other|not bad, not good|
no highs, no lows|does what a {thing} does|middle of the road|some liked it, some did not|{first} liked it, {first:2} did not|one half liked it|
good start, weak end|a few good points, a few bad ones|I see both sides|good for some, bad for others|depends on the day|depends on what you want|
it evens out|the pros and cons cancel out|I expected that much|just what one would think""".replace("\n", "").split("|")
