"""What people say of the things of one kind: in praise, in blame, and neither. Only for training; opinions.py uses them."""
# things | praise | blame | neither; each but the first follows a thing
ABOUT = [
    ("""the soup|the steak|the pizza|the fish|the salad|the curry|my burger|the pasta|the rice|the sauce|the dessert|the bread|the breakfast|our starter|the cake|
the chicken|{food}|the {food}""",
"""was cooked to perfection|melted on the tongue|was piping hot and fresh|was full of flavour|was seasoned just right|tasted like my grandmother's|
was tender and juicy|had us licking our plates|came straight from the oven|was crisp and golden|was the best I ever ate|was so good that we ordered it twice|
deserves a Michelin star|looked as good as it tasted|was light and fluffy|was rich and creamy|left us full and happy|was packed with fresh herbs|
had a lovely smoky note|smelled divine|was worth every calorie|made my mouth water""",
"""was burnt|was raw in the middle|came cold|had gone off|was swimming in grease|tasted of nothing|tasted of cardboard|was tough as a boot|was dry as dust|
was so salty I could not eat it|had a hair in it|made us all ill|was mushy and bland|was still frozen inside|smelled of old fish|came out of a tin|
was a tiny portion for the price|was overcooked to death|had the texture of rubber|was stale and hard|turned my stomach|was lukewarm at best|
went back to the kitchen twice|was dripping with fat|had mould on it|was inedible from the first bite""",
"""comes with rice|is on the lunch menu|contains nuts|is served from noon|is for two|has {n} grams of fat|is a dish from {city}|is made with milk|
can be ordered without onions|costs {amount}|was on the table at {n}|is eaten with a spoon""",),
    ("""the room|our hotel|the flat|the suite|the cabin|the hostel|the campsite|the guest house|the bathroom|the lobby|our apartment|the bed|the balcony|the villa""",
"""was spotless|had a breathtaking view|was cosy and warm|was like a home away from home|was quiet as a mouse|had the softest sheets|smelled of fresh flowers|
was bigger than in the pictures|made us never want to leave|was tastefully furnished|had everything we needed and more|was cleaned with care every day|
gave us the best sleep in years|was an oasis of calm|felt like a palace|was a little paradise|had a fantastic terrace|was bright and airy|
was in the perfect spot|was worth every star""",
"""was filthy|had bedbugs|smelled of mould|was freezing at night|had paper-thin walls|looked onto a car park|had stains on the sheets|was full of cockroaches|
had no hot water|was nothing like the photos|was next to a building site|was falling to bits|had not been cleaned for weeks|had a broken lock|
was so noisy that we could not sleep|reeked of smoke|was a dark hole|had mice|had a leaking roof|kept us awake all night|was damp and draughty|
had dirty towels on the floor|was a tip|cost the earth for what it was""",
"""has two beds|is on the third floor|faces the street|has a desk and a chair|is near the station|was booked for {n} nights|has {n} square metres|
is rented by the week|has its own entrance|was painted in {month}|is number {n}|is heated with gas""",),
    ("""the phone|the laptop|the camera|the printer|the tablet|the speaker|the watch|the screen|the battery|the keyboard|the router|the charger|my new TV|the drone|
the {product}|this {product}|my {product}""",
"""is lightning fast|has a brilliant display|lasts for days|was set up in seconds|takes stunning pictures|has never let me down|feels solid and well made|
sounds incredible|is the best I have owned|works straight out of the box|connects without a fuss|charges in minutes|is a joy to type on|is light as a feather|
has made my life easier|is built like a tank|is still going strong after {n} years|responds instantly|is worth every penny|has crisp sound and deep bass|
saves me so much time|outshines models twice the price""",
"""died after a week|freezes all day|has a blurry display|drains within an hour|gets burning hot|won't connect to anything|arrived with a cracked case|
makes a horrible buzzing noise|is painfully slow|keeps losing the signal|broke the day after the warranty ended|needs a restart every hour|
feels like a cheap toy|was dead on arrival|takes ages to charge|has dead pixels|crackles and hisses|jams on every second page|lost all my data|
scratches if you look at it|is a brick now|is impossible to set up|went back to the shop the same day|has buttons that stick|shuts down without warning|
is a complete waste of plastic""",
"""weighs {n} hundred grams|has two ports|comes in {colour}|is the model from {month}|runs on two batteries|has a {n} inch screen|is charged by cable|
is next to the {product}|was bought in {city}|has {n} gigabytes|comes with a bag|is for the office""",),
    ("""the app|the website|the update|the game|the program|the new version|the search|the login|the dashboard|the online shop|the checkout|the editor|the chat""",
"""is a pleasure to use|is clean and simple|does everything I want|loads in a flash|is so easy that my grandma uses it|has not crashed once|is well thought out|
keeps getting better|is beautifully designed|saves me hours every week|has fixed all my problems|is addictive in the best way|is a huge step forward|
runs like butter|has all the features I wished for|is the only one I keep using|is free and yet so good|makes boring work fun""",
"""crashes every five minutes|is full of bugs|is a maze|eats my battery|deleted my work|keeps asking for money|is crammed with ads|takes forever to load|
logs me out all the time|broke everything that worked|is ugly and confusing|is unusable on my phone|has been getting worse for months|charges for every click|
is stuck on the start screen|lost my order|spies on me|is riddled with errors|freezes as soon as I type|was a huge step back|makes simple things hard|
does not even open""",
"""has a blue icon|is available in {n} languages|asks for a name|was released in {month}|is on version {n}|has a menu on the left|needs {n} megabytes|
runs on Linux as well|is used by {n} of us|has a page about prices|sends a mail on {weekday}|shows the date""",),
    ("""the waiter|the receptionist|the driver|the nurse|the doctor|the teacher|the guide|the cashier|the plumber|the owner|the lady on the phone|my hairdresser|
the salesman|the manager|the mechanic|the trainer|{first}|the {job}""",
"""was kindness itself|could not do enough for us|had a smile for everyone|was patient with my questions|knew what she was doing|went above and beyond|
was a true professional|made us laugh|made me feel at ease|listened and understood|was on time and polite|solved it within minutes|
was friendly and full of good tips|treated us like royalty|has magic hands|was warm and caring|gave us honest advice|explained it all so clearly|
deserves a medal|was gentle and careful|was a ray of sunshine|saved our day""",
"""was rude and short|rolled his eyes|ignored us completely|shouted at my mother|had no clue|kept us waiting for an hour|lied to my face|smelled of alcohol|
could not be bothered|was cold and arrogant|laughed at our complaint|made me cry|never turned up|talked down to us|was busy with his phone|
overcharged us on purpose|hurt me and did not care|was careless and rough|snapped at the children|tried to cheat us|threw the bag at us|
slammed down the phone|was bored and unfriendly|did a terrible job|treated us like criminals|made a mess and left""",
"""works on {weekday}|is from {city}|wears a {colour} shirt|started in {month}|is called {first}|comes at {n}|has two children|took the order|
speaks {n} languages|sits on the left|will be back in {month}|asked for my name""",),
    ("""the film|the book|the play|the show|the concert|the album|the series|the exhibition|the novel|the lecture|the musical|the podcast|the ending|
the first chapter|the soundtrack|the festival""",
"""had me in tears of laughter|kept me on the edge of my seat|moved me deeply|was over far too soon|gave me goosebumps|was pure magic|is a modern classic|
made me think for days|was brilliantly acted|has a heart of gold|is a page-turner|had us singing all the way home|blew my mind|touched my soul|
got a standing ovation|is beautifully written|was a feast for the ears|is clever and funny|deserves every award|held me spellbound""",
"""bored me to tears|sent me to sleep|was a yawn from start to end|made no sense|was far too long|is full of clichés|was badly acted|hurt my ears|
had a silly ending|was a waste of an evening|is an insult to the audience|was so bad that we left|had wooden actors|is poorly written|dragged on and on|
fell flat|was out of tune|was painfully unfunny|has more holes than plot|was a pale copy of the first one|put off the whole class|had terrible sound""",
"""lasts {n} minutes|is about a {job}|is set in {city}|has {n} chapters|starts at {n}|came out in {month}|is in two parts|was written by {name}|
is on the second shelf|is shown on {weekday}|has a {colour} cover|is for adults""",),
    ("""the delivery|the parcel|my order|the courier|the packaging|the return|the refund|the shipping|the order process|the exchange""",
"""came a day early|was quick and easy|was here the next morning|arrived in perfect shape|was wrapped with love|went without a hitch|was free and fast|
was sorted out in no time|could not have been smoother|included a lovely note|was faster than promised|was handled perfectly|came with a nice little gift|
was as simple as it gets""",
"""never arrived|took six weeks|was left in the rain|was crushed|came open and half empty|went to the wrong address|was a joke|cost more than the thing itself|
was a nightmare from start to finish|was lost and nobody cares|is still pending after a month|was refused without a reason|arrived smashed|
was thrown over the fence|had the wrong thing inside|came two weeks late|was torn and wet|turned into an endless fight""",
"""is planned for {weekday}|was sent on {date}|has the number {order}|goes to {city}|weighs {n} kilos|comes in two boxes|is at the post office|
was signed by {first}|takes {n} days|is paid by card""",),
    ("""the jacket|the dress|the sweater|the coat|the bag|the hat|the shirt|the fabric""",
"""fits like it was made for me|is so soft and warm|looks gorgeous|gets me compliments every day|is beautifully made|has kept its colour|is comfy and chic|
feels like silk|keeps me dry in any weather|is my favourite now|flatters my figure|is great value for money|will last for years|goes with everything""",
"""fell apart after one wash|shrank to doll size|itches terribly|lost its colour at once|came with a hole|smells of chemicals|is two sizes too small|
is see-through|gave me blisters|has a broken zip|looks cheap|tore the first time I wore it|is stiff and scratchy|pinches my toes|rubs my heels raw|
leaks like a sieve|makes me look awful|was badly sewn""",
"""is size {n}|comes in {colour}|is made of cotton|has two pockets|is for winter|hangs in the hall|was a present from {first}|is washed at {n}0 degrees|
has a {colour} lining|is on page {n}""",),
    ("""the flight|the train|the bus ride|the tour|our trip|the ferry|the cruise|the taxi|the airline|the rental car|the holiday|the beach|the city tour|the airport""",
"""was smooth and on time|was the trip of a lifetime|had so much leg room|was unforgettable|was worth getting up early for|offered great views|
was a dream from start to finish|was relaxing and safe|showed us wonderful places|left us with happy memories|was perfectly organised|
was comfortable and clean|had a friendly crew|was a bargain""",
"""was delayed by six hours|was cancelled at the last minute|was packed like a tin of sardines|lost our luggage|left us stranded|was bumpy and made me sick|
stank of petrol|was a rip-off|was dirty and overcrowded|had no air conditioning|was chaos|ruined our holiday|dropped us in the middle of nowhere|
was a shambles|had screaming kids and sticky seats|was full of rubbish|broke down twice|overbooked us""",
"""leaves at {n}|goes to {city}|takes {n} hours|stops in {city}|has {n} seats|is on {weekday}|starts at gate {n}|costs {amount}|was booked in {month}|
runs twice a day""",),
    ("""the course|the school|the class|the training|the workshop|the seminar|my tutor|the lesson|the webinar|the job|the company|the team|the gym|the clinic|
the support|the hotline|the shop|the bank|the insurance|the landlord""",
"""taught me more than years at school|opened doors for me|is like a family|helped me pass with top marks|cares about people|keeps its word|
gave me back my confidence|pays well and on time|answers every question|is always there for me|has a great team spirit|brings out the best in us|
is fair and honest|makes me look forward to Mondays|got me back on my feet|has my full trust|is the best in town|solved everything with one call""",
"""taught me nothing|treats people like numbers|broke every promise|took my money and ran|never calls back|is badly run|makes me dread Mondays|
pays late and too little|let me down when I needed it|hides behind small print|does not care about anyone|is a toxic place|passes the buck|refuses to pay|
put me on hold for hours|is run by amateurs|raised the price without a word|left me worse off|gave me wrong advice|is all promises""",
"""begins on {weekday}|has {n} members|is in {city}|opens at {n}|lasts {n} weeks|was founded in {month}|is next to the bank|has a new address|moved to {city}|
costs {amount} a month|is run by {name}|has two doors""",),
    ("""the sofa|the mattress|the chair|the vacuum cleaner|the washing machine|the oven|the lamp|the tent|the bike|the pan|the knife|the mixer|the fridge|the drill|
the garden hose|the toy|the pram|the heater|the kettle""",
"""is sturdy and good-looking|cured my back pain|glides like on rails|cleans like new|was up in five minutes|cuts like a dream|is whisper quiet|
heats up in no time|is child's play to use|has survived three kids|is heavy duty and reliable|keeps everything fresh|is the handiest thing we own|
pays for itself|is pretty and practical|rides like the wind|never sticks""",
"""wobbles|squeaks at night|collapsed under me|is full of splinters|leaves scratches on the floor|roars like a jet|blew a fuse|rusted within weeks|
was missing half the screws|smells of glue|hurts my back|sags in the middle|tips over|is blunt|leaked all over the kitchen|caught fire|
is a danger to children|burns everything|broke my nail and my nerves|is useless for carpets""",
"""is {colour}|has four legs|stands in the corner|is {n} centimetres high|comes in parts|uses {n} watts|holds {n} litres|was on sale in {month}|is in the cellar|
belongs to {first}|needs a cable|is delivered flat""",),
]
ABOUT = [[part.replace("\n", "").split("|") for part in kind] for kind in ABOUT]
