"""Words of praise and of blame. Only for training; opinions.py puts them into sentences, without those that a list holds out."""


def words(text):
    """The words of a list as it stands below: | between them or, where there is none, spaces."""
    return [w for w in text.replace("\n", "").split("|")] if "|" in text else text.split()


GOOD_ADJ = words("""absorbing accessible accommodating accomplished accurate adaptable adept adventurous advantageous aesthetic affable affectionate affordable agile airy
alluring amiable amicable ample amusing angelic appealing appetising appetizing apt aromatic artful articulate artistic astute attractive atmospheric
beaming beautiful beloved beneficial benevolent bewitching blessed bold bonny boundless bountiful brainy brave bright brightening brill bubbly buttery
calming calm candid capable carefree careful celebrated celestial champion charismatic cheery chic chivalrous clean clear clear-cut coherent colourful
commendable committed compassionate compelling competent concise confident congenial conscientious considered consistent constructive convincing cordial
courageous creative credible cultivated cultured cushy dainty dandy dashing debonair dedicated delectable deluxe dapper detailed devoted dexterous dignified
diligent diplomatic discerning disciplined distinguished dope droll dutiful dynamic eager easygoing educational effervescent electrifying eloquent eminent
empowering endearing energetic energising enlightening enriching enterprising enticing epic ergonomic ethical exhilarating expert exuberant eye-catching
eye-opening fair faithful fancy fascinating fashionable favourable fearless festive fetching first-class flattering fluent fluffy foolproof forgiving
formidable fragrant frank fresh friendly fruitful fulfilling full-flavoured gallant genial gifted gleaming glamorous glittering glowing godsent golden
good-humoured good-natured gracious gratifying great greatest groovy groundbreaking groomed handsome handcrafted hardwearing hard-working healing healthy
hearty heart-warming heroic high-class high-end high-quality high-spirited homely homey honourable hospitable huggable humane humorous hygienic iconic
idyllic illuminating illustrious imaginative immersive inclusive indestructible infallible informative inspired instructive insightful intelligent
interesting invaluable invigorating invincible irresistible jovial joyous judicious kind-hearted knowledgeable lifelike likable lively logical long-lasting
lovable lovely-looking loving low-maintenance loyal lucid luminous luscious lush luxuriant majestic marvellous matchless mellow melodious meticulous mighty
mind-opening moreish mouth-watering nifty noble noteworthy nourishing nutritious nippy obliging optimal opulent organised original outgoing painless
painstaking palatable pampering patient peerless pain-free peppy perceptive picturesque plush poetic poised polished positive powerful practical
praiseworthy premium prestigious pretty priceless pristine productive proficient profound prudent punchy purposeful quality qualified quick-witted rad
ravishing razor-sharp realistic reassuring recommendable refined regal rejuvenating reputable resilient resourceful respectable respectful restful
restorative rich-tasting riveting rock-solid roomy rousing safe-feeling sassy savoury scenic scrupulous secure selfless sensible serene
side-splitting sincere skilful slick snappy sociable sophisticated soulful soul-stirring sound spacious spectacular spellbinding spirited splendiferous spry
stable state-of-the-art steadfast stellar stirring straightforward stress-free striking stupendous suave sumptuous superior super-soft superlative supple
supreme sure-footed swanky swell swish sympathetic tactful talented tantalising tempting terrific-looking thorough thriving time-saving timeless timely
tireless toothsome top top-class top-level top-quality topping touching tranquil transparent trendy trouble-free trusty truthful unbreakable unassuming
understanding unequalled unmatched unparalleled unrivalled unsurpassed uplifting upbeat urbane valiant velvety vivacious vivid warm-hearted warming
watertight welcome well-behaved well-built well-cooked well-crafted well-designed well-equipped well-fitting well-informed well-kept well-lit well-made
well-maintained well-mannered well-organised well-planned well-played well-prepared well-run well-seasoned well-stocked well-told well-thought-out
well-trained well-written wholesome winning winsome wise wonderworking wondrous world-class worthwhile worthy youthful zesty zippy""")
BAD_ADJ = words("""abhorrent abominable abrasive abrupt absurd abusive acidic adverse agonising alarming aloof amateurish anaemic antiquated apathetic argumentative asinine
astringent awful-smelling babyish backbreaking backward baffling banal barbaric battered beastly belligerent biased bigoted bitchy bizarre blaring bleak
blemished blighted blotchy blundering boggy bogus boorish botched bothersome brash brainless brittle bruised brutal brutish bullying bumbling burdensome
bureaucratic burned callous calamitous catastrophic chafing cheapskate cheerless childish chilly chipped choppy claustrophobic clammy clashing clattering
cliched cloying clogged clueless coarse cold-hearted colourless comfortless complacent complicated compromised conceited condescending confused congested
constricting contaminated contemptible contemptuous contentious contradictory contrived convoluted corny corroded corrupt corrupted counterproductive
cowardly cranky crappy crass creased creepy cringeworthy crippled crude crumbling crummy crumbly cumbersome cursed daft dank deadly deafening deceitful
deceiving decaying decrepit deficient deformed defunct degrading dehumanising demeaning demoralising demotivating deranged derelict derogatory despicable
destructive detestable deteriorating detrimental devastating devious dilapidated dimwitted disagreeable disconcerting discontented discourteous discouraging
discriminatory diseased disheartening dishevelled disillusioning disingenuous disjointed disloyal dismissive disobliging disorderly disoriented displeasing
disreputable disrespectful disruptive dissatisfying distasteful distracting distressing distrustful disturbing dodgy dopey dorky doubtful downgraded drab
draconian draining dreary dried-out dripping droning dubious dumb dusty egoistic embarrassing enraging evasive evil exasperating excessive excruciating
exorbitant exploitative extortionate faceless fading faint-hearted fatal fatuous feeble fetid fiddly finicky fishy flabby flaky flavourless flickering
flimsy foolish forgettable formulaic foul foul-smelling fractured fraudulent freakish freezing frightful frightening frumpy frustrated fumbling fussy
garbled garish ghastly gimmicky glitchy graceless grating grimy grisly gritty gross grotesque grouchy grudging gruelling gruesome gruff gutless hackneyed
half-cooked half-finished half-hearted haphazard hapless hard-hearted harmful harrowing hateful haughty heartbreaking heartless heavy-handed hellish horrid
horrific horrifying humiliating humourless hurtful hypocritical icky idiotic ill-advised ill-conceived ill-designed ill-equipped ill-fated ill-fitting
ill-informed ill-prepared ill-tempered illegible illogical imbecilic immature impersonal imprecise imprudent inane inattentive incapable incoherent
incomplete incomprehensible inconsiderate inconsistent incorrect indecent indifferent indigestible ineffective inefficient inept inexcusable inexperienced
infected inflexible infuriating inhospitable inhuman inhumane insecure insensitive insincere insipid insolent insufferable insufficient intimidating
intolerable intolerant intrusive invalid irksome irrational irresponsible irritable jaded jagged jarring jittery joyless juvenile kitschy knackered
lackadaisical lacklustre lamentable laughable leaden leaking lethargic limp listless loathsome long-winded lopsided low-grade low-quality ludicrous lukewarm
makeshift malfunctioning malicious malnourished malodorous manipulative mangled meagre mean-spirited meaningless mediocre menacing merciless messed-up
meddlesome mindless mind-numbing misguided mishandled mismanaged miserly mistaken mistreated moaning monotonous monstrous moody moronic mouldering muddy
murky mushy musty mutilated naff nagging narrow-minded nauseous needless neglectful nerve-racking nerve-wracking nightmarish nitpicking nondescript
nonsensical noxious numbing obscene obstinate obstructive obtuse odious off-putting officious ominous oppressive outmoded over-salted over-sweet overbearing
overblown overboiled overbooked overcomplicated overdone overdue overloaded overlong overstated overstuffed overworked paltry passive-aggressive patronising
peeling penny-pinching perilous perplexing perverse petty phoney pitiable pitiful pitiless polluted pompous ponderous poor-quality poorly-made poky potholed
predatory prejudiced preposterous pretentious problematic prickly pushy quarrelsome rackety ragged ramshackle rash-inducing rattling raucous rattly reckless
reeking regrettable repellent repetitive reprehensible repugnant restrictive revolting rickety risky rubbish rubbery ruinous rundown run-down ruthless
sadistic sarcastic scabby scandalous scary scathing scorched scornful scrappy scratchy screechy seedy selfish self-important senseless sexist shady
shambolic shameful shameless shattered shifty short-sighted short-tempered shrill sickening sickly sinister sketchy slanderous slapdash slack sleazy slimy
slippery slipshod slovenly slow-witted sly smudged smug smutty snail-paced snappish sneaky snide snobbish snobby snotty soiled sordid spammy spineless
spiteful splintered splotchy spoiled spoilt squalid squeaky stagnant stifling stinky stodgy strained stressful stubborn stuck-up stultifying stunted
stupefying subpar suffocating sulky sullen superficial superfluous surly suspect suspicious sweaty swindling tainted tarnished tattered tatty tawdry
temperamental terrifying thankless thoughtless threadbare threatening throwaway tight-fisted time-consuming time-wasting tinny tiring toxic trashy traumatic
treacherous trite troubled troubling turgid tyrannical unaccommodating unappealing unappetising unappreciative unapproachable unattractive unbalanced
unbecoming uncivil unclean unclear unconvincing uncouth undependable underbaked underequipped underhand underpowered underseasoned understaffed undeserving
undesirable undignified uneasy uneatable uneven unexciting unfashionable unfit unflattering unforgivable unfortunate unfounded ungracious ungrateful
unhealthy unimaginative unimpressive uninformative uninformed uninhabitable unintelligible uninteresting uninviting unjust unjustified unkempt unkind
unlikeable unlivable unlovely unlucky unmanageable unmotivated unoriginal unpalatable unprepared unproductive unpunctual unreadable unrealistic unreasonable
unrefined unrewarding unruly unsanitary unsatisfactory unsatisfying unsavoury unscrupulous unseasoned unsightly unskilled unsociable unsophisticated unsound
unstylish unsuccessful unsuitable unsupportive unsympathetic untidy untrained untrue untruthful unventilated unwanted unwatchable unwearable unwieldy
unworkable unworthy vacuous vague vain vandalised venomous vexing vicious vindictive violent virus-ridden vulgar warped wasteful wearisome weedy whiny
wilted wishy-washy witless wonky worrisome worrying wrinkled wrong yucky""")
# what people are
GOOD_MOOD = words("""happy|glad|pleased|delighted|thrilled|content|satisfied|grateful|thankful|impressed|overjoyed|ecstatic|elated|relieved|proud|over the moon|
on cloud nine|charmed|enchanted|amused|excited|cheerful|blissful|in love|hooked|touched|moved|reassured|more than happy|very satisfied|
pleasantly surprised|a happy customer|a big fan|a fan for life|in seventh heaven|tickled pink|chuffed|jubilant|wowed|deeply impressed|so thankful|
beyond happy|completely satisfied|fully satisfied|euphoric|over the moon with joy|as happy as can be|quite taken|smitten|bowled over|blown away|
on top of the world|inspired|refreshed|well looked after|in good hands|so lucky|spoiled in the best way""")
BAD_MOOD = words("""angry|annoyed|furious|upset|sad|unhappy|dissatisfied|disappointed|frustrated|disgusted|shocked|appalled|horrified|fed up|irritated|cross|
livid|outraged|enraged|disillusioned|disheartened|dejected|gutted|devastated|heartbroken|embarrassed|ashamed|bitter|bored|bored stiff|
bored to tears|exhausted|sick and tired|at my wits' end|not amused|not impressed|not happy|less than happy|less than impressed|far from happy|
worried|let down|ripped off|cheated|stranded|in despair|in tears|a dissatisfied customer|an unhappy customer|an angry customer|
at the end of my patience|beside myself with anger|seething|fuming|hopping mad|disgruntled|discontented|resentful|unimpressed|deeply disappointed|
bitterly disappointed|sorely disappointed|completely dissatisfied|miserable|in pain|stressed out|worn out|close to giving up|sorry that I came|
sick of it|done with it|desperate|despondent|dismayed|offended|insulted|humiliated|ignored|lied to|treated badly|worse off than before|
about to cancel|sorry I ever asked""")
# what something does to people
GOOD_FEEL = words("""delight please impress amaze charm thrill enchant fascinate inspire satisfy excite captivate comfort relax refresh soothe entertain amuse astonish dazzle
enthral uplift encourage reassure motivate energise enrich move touch bewitch cheer gladden hearten enlighten exhilarate overjoy pamper pacify reward wow
calm mesmerise invigorate stimulate""")
BAD_FEEL = words("""disappoint annoy irritate frustrate anger bore disgust shock upset infuriate enrage appal horrify exhaust depress sadden insult offend confuse bother
disturb distress embarrass humiliate alarm worry frighten terrify dismay dishearten discourage sicken revolt repel aggravate exasperate mislead deceive
cheat betray torment vex unsettle unnerve pester harass ignore neglect mistreat patronise fool trick displease perturb traumatise demoralise enervate
nauseate scam swindle bully belittle demean puzzle stress drain hurt scare tire""")
# what people do with it: base/past
GOOD_DO = words("""love/loved|like/liked|adore/adored|enjoy/enjoyed|admire/admired|appreciate/appreciated|cherish/cherished|treasure/treasured|praise/praised|
recommend/recommended|value/valued|relish/relished|savour/savoured|respect/respected|trust/trusted|applaud/applauded|favour/favoured|
celebrate/celebrated|dig/dug|worship/worshipped|commend/commended|fancy/fancied|highly recommend/highly recommended|
warmly recommend/warmly recommended|really love/really loved|absolutely adore/absolutely adored|truly enjoy/truly enjoyed|fully support/fully supported""")
BAD_DO = words("""hate/hated|dislike/disliked|despise/despised|regret/regretted|detest/detested|loathe/loathed|resent/resented|abhor/abhorred|deplore/deplored|
curse/cursed|distrust/distrusted|dread/dreaded|reject/rejected|condemn/condemned|criticise/criticised|can't stand/could not stand|
can't bear/could not bear|warn everyone about/warned everyone about|really hate/really hated|can't recommend/could not recommend|
would not recommend/would not recommend|do not like/did not like|don't trust/did not trust|will never buy/would never buy|
bitterly regret/bitterly regretted|complain about/complained about|can't forgive/could not forgive|suffer from/suffered from|despair of/despaired of|
can't enjoy/could not enjoy""")
# it is a ...
GOOD_NOUN = words("""delight|joy|pleasure|treat|gem|jewel|treasure|triumph|success|masterpiece|work of art|winner|hit|bargain|blessing|miracle|dream|lifesaver|
godsend|marvel|wonder|beauty|stunner|cracker|showstopper|feast|feast for the eyes|breath of fresh air|class act|piece of heaven|little paradise|
home run|must-have|must-see|must-read|page-turner|crowd-pleaser|timesaver|game changer|keeper|steal|gift from heaven|ray of sunshine|safe bet|
sure thing|star|champion|legend|hidden gem|real find|great find|smash hit|knockout|thing of beauty|top choice|good buy|great buy|clever idea|
bright idea|first-rate job|perfect match|perfect fit|perfect choice|highlight|high point|gold mine|oasis|haven|wise choice|huge help|real help|
big improvement|step forward|improvement|blast|riot|charmer""")
BAD_NOUN = words("""disaster|failure|flop|fiasco|rip-off|letdown|farce|insult|shame|chore|ordeal|health hazard|swindle|fraud|catastrophe|calamity|mess|
shambles|nuisance|eyesore|pest|menace|mistake|blunder|bungle|botch|dud|clunker|stinker|washout|wreck|train wreck|car crash|horror|
horror show|joke|bad joke|sham|hoax|travesty|tragedy|torture|curse|headache|pain in the neck|waste of space|waste of time|waste of paper|
waste of breath|waste of effort|pile of junk|heap of rubbish|load of rubbish|piece of junk|piece of rubbish|tourist trap|money pit|death trap|
fire hazard|pigsty|dump|slum|drag|bore|snooze|slog|burden|setback|step back|step backwards|step down|low point|disgrace|scandal|outrage|
abomination|atrocity|monstrosity|embarrassment|annoyance|irritation|big letdown|sore point|dead loss|lost cause|sad excuse|poor excuse|
cheap copy|poor copy|bad imitation|ripoff|bad deal|bad buy|poor choice|wrong choice|missed opportunity|broken promise|empty promise|
total failure|bottomless pit|cesspit|nightmare come true|kick in the teeth|slap in the face|sorry sight""")
# it ...
GOOD_DOES = words("""shines|excels|delivers|sparkles|rocks|rules|impresses|delights|outperforms the rest|outshines the others|works beautifully|works brilliantly|
works like magic|works a treat|works every time|runs perfectly|runs smoothly|runs flawlessly|performs superbly|holds its value|stands out|
stands the test of time|hits the spot|hits the mark|ticks all the boxes|ticks every box|does the trick|goes the distance|never disappoints|
never fails me|never breaks|never gets boring|is worth its weight in gold|is worth every second|takes my breath away|takes the cake|steals the show|
sets the standard|sets a high bar|raises the bar|leads the field|puts the rest to shame|leaves nothing to be desired|leaves the competition behind|
lives up to the hype|lives up to its name|exceeds all expectations|surpassed my hopes|went better than planned|went like a dream|goes down well|
goes down a treat|brightens the day|lifts the mood|warms the heart|makes me smile|makes me happy|made us happy|made my year|made my week|
makes all the difference|makes work fun|makes mornings better|keeps me smiling|keeps getting better|gets full marks|gets top marks|
gets a big thumbs up|gets my vote|deserves an award|deserves five stars|deserves a medal|earns my respect|earned my trust|won my heart|
saved our evening|saved my life|saved me money|is a cut above|is in a class of its own|is head and shoulders above the rest|is on top form|
is the real deal|is the bee's knees|is the cat's pyjamas|is to die for|is just the ticket|is a sight for sore eyes|is everything I hoped for|
is all I ever wanted|is money well spent|is a joy from start to finish|came at the right time|came out great|turned out great|turned out beautifully|
was a roaring success|was a pleasant surprise|was love at first bite|was great fun|was time well spent|was well worth the price""")
BAD_DOES = words("""fails|crashes|leaks|squeaks|sucks|stinks|lags|overheats|freezes up|rusts|rattles|jams|malfunctions|disappoints|bombs|flops|drags|
falls apart|breaks easily|breaks all the time|works badly|hardly works|barely works|works only half the time|works when it feels like it|
stopped working|stopped charging|stopped after an hour|quit on me|gave up the ghost|died on me|conked out|packed up after a week|went up in smoke|
went from bad to worse|went downhill|went badly wrong|goes wrong every time|goes off for no reason|got worse|gets on my nerves|gets in the way|
gets hot enough to burn|gave me nothing but trouble|gave me a bad back|gave us food poisoning|gave me the creeps|leaves a lot to be desired|
leaves a bad taste|leaves me cold|leaves stains|left us cold|left me in tears|left us stranded|lets everyone down|let me down badly|lets in water|
made me angry|made me furious|made me cringe|made me ill|made us regret coming|makes me sick|makes my blood boil|makes life hard|
makes an awful noise|makes everything complicated|makes no sense at all|missed the mark|misses the point|falls flat|fell to pieces|
fell short of the promises|fell through|is not fit for purpose|is not worth the paper|is not worth a cent|is beyond a joke|is below par|
is bad beyond words|is on its last legs|is all show|is all hype|is all style and no substance|is as useful as a chocolate teapot|
is as dull as ditchwater|is like watching paint dry|is like pulling teeth|is like talking to a wall|is a step in the wrong direction|is past its best|
is past saving|is only good for the bin|belongs in the bin|belongs in a skip|belongs on the scrap heap|ended in tears|ended in chaos|
ended up in the bin|cost me a fortune in repairs|cost me my sleep|costs an arm and a leg|cost us the whole holiday|drives me mad|
drives me up the wall|drove us crazy|does more harm than good|does not do what it should|does not work|does not deliver|does not hold up|
does not live up to the hype|does not even turn on|doesn't last|doesn't fit|did not survive the first week|did not impress anyone|
did not last a month|never worked properly|never arrived|never came|never does what I want|needs fixing every week|wears out fast|
wore out in a month|was doomed from the start|was a complete failure|was over before it began|was dead within days|was a slap in the face|
was full of holes|was a bitter disappointment|sets a new low|scrapes the bottom of the barrel|rubs me up the wrong way|ruins every meal|
ruined my shirt|ruined my week""")
# how it is made
GOOD_WAY = words("""beautifully excellently wonderfully brilliantly perfectly superbly splendidly lovingly skilfully cleverly smartly carefully neatly tastefully elegantly
flawlessly masterfully expertly thoughtfully nicely well professionally impeccably immaculately exquisitely generously gracefully superlatively marvellously
magnificently admirably delightfully""")
BAD_WAY = words("""badly poorly terribly horribly awfully carelessly sloppily clumsily cheaply shoddily abysmally atrociously dreadfully miserably stupidly appallingly
hopelessly pathetically ineptly lazily wretchedly disgracefully woefully lousily amateurishly haphazardly thoughtlessly unprofessionally shockingly""")
DONE = words("""made|built|designed|organised|written|cooked|planned|packed|executed|finished|managed|run|put together|prepared|presented|translated|
explained|produced|arranged|thought out|done|handled|staffed""")
