"""More names and things than the lists hold. Only for training: what is held out of a list is left out here."""
from grammar import trainable

FIRST = """Aaron Abel Abigail Ada Adam Adrian Agatha Aidan Albert Alex Alfred Alma Alvin Amanda Amber Amelie Amos Andrea Angela Annika Anton April Arnd Arthur
Astrid Aurel Barbara Basil Beatrix Benjamin Bernard Bertha Beth Betty Blake Bob Bodo Brenda Bridget Bruce Bryan Caleb Camilla Carl Carol Caroline
Casper Cathy Cecil Cedric Charles Charlotte Chester Chris Christine Claire Clark Claude Claudia Clemens Colin Connor Cora Craig Curtis Cynthia Cyril
Dagmar Daisy Dale Damian Dana Daphne Darren Dave Dawn Deborah Dennis Derek Desmond Dieter Dolores Dominic Donald Donna Doris Dorothy Doug Duncan
Dustin Dwight Earl Edgar Edward Edwin Eileen Elaine Eleanor Eli Elias Elisa Elizabeth Ella Elliot Elmer Elsa Emily Emmett Enid Erica Erin Ernest Ethan
Eugene Eunice Eva Evan Eve Faith Faye Fergus Ferdinand Flora Florence Floyd Frances Freda Freddie Friedrich Gabriele Gavin Gemma Gene Geoffrey Gerald
Gilbert Gina Glenn Gordon Graham Greg Greta Gunther Guy Gwen Hal Hanna Hans Harold Harriet Harry Harvey Hazel Hector Heike Henrietta Henry Herbert
Hilda Holly Homer Horace Howard Hubert Ida Ilse Imogen Ina Ingrid Irene Irma Irving Isaac Isabel Ivan Ivor Ivy Jackie Jacob Jan Jane Janet Jared Jason
Jasper Jay Jean Jeff Jennifer Jeremy Jerome Jerry Jesse Jessica Jill Jim Joachim Jodie Joe Joel John Jonathan Joseph Josephine Joy Joyce Juan Judith
Judy Jules Justin Kai Kara Karl Kay Keith Kelly Ken Kenneth Kim Kirk Kirsten Kurt Lance Larry Lars Laurence Lea Leah Leila Lenny Leonard Leopold Leroy
Leslie Lewis Liam Liesel Lillian Lily Lionel Lloyd Lois Lola Lorenz Lorna Lorraine Louis Louise Lucas Lucinda Lukas Lutz Lydia Lyle Mabel Mack
Madeleine Maggie Malcolm Mandy Manfred Manuel Marc Marcel Marcia Margaret Margot Marian Marianne Marilyn Mario Marion Marjorie Marlene Marvin Mary
Mathew Matt Maud Maureen Maurice Max Maxine May Melanie Mercy Mia Micah Michelle Mike Mildred Miles Millie Milton Minnie Miranda Molly Monica Monika
Morgan Moritz Moses Muriel Myra Myron Nancy Naomi Natalie Nathan Nellie Nelson Nicholas Nicole Nigel Noel Norbert Norma Norman Olaf Olive Olivia Orson
Oswald Otis Otto Pamela Pat Patricia Patrick Patsy Pauline Pearl Peggy Penelope Percy Perry Phil Philip Philippa Phoebe Phyllis Polly Rainer Ralph
Ramona Randy Raymond Rebecca Reginald Regina Rene Rex Rhoda Rhonda Richard Rick Rita Rob Robin Roderick Rodney Roger Roland Rolf Roman Ronald Rosalie
Rose Ross Rowan Roy Rudolf Rufus Rupert Russell Ruby Sally Samantha Sandra Saul Scott Sebastian Selma Shane Sharon Sheila Shirley Sid Sidney Sigmund
Silvia Solomon Sonia Sophie Stacy Stanley Stella Stephanie Stephen Steve Stuart Sue Sven Sybil Sylvia Tabitha Ted Teresa Terence Terry Thelma Theo
Theodor Tilda Tobias Todd Toby Tom Tony Tracy Trevor Trudy Tyler Ulf Ulla Una Uwe Valentin Valerie Vanessa Vera Verena Vernon Veronica Vicky Vincent
Violet Virgil Virginia Vivian Wallace Wanda Warren Wayne Wendy Werner Wesley Wilbur Wilfred Wilhelm Will Willow Winifred Winston Wolfgang Yvette
Yvonne Zachary Zara Zelda""".split()
LAST = """Abel Adams Albrecht Aldridge Alexander Allen Amos Anders Andersen Anderson Andrews Archer Armstrong Arnold Ashton Atkins Austin Bach Bailey Baker
Baldwin Ball Banks Barker Barlow Barnett Barrett Barry Bartlett Barton Bates Baum Baxter Beck Bell Benson Bennett Berg Bernard Berry Best Bird Bishop
Black Blair Blake Boone Booth Bosch Bowen Boyd Bradley Brady Braun Brennan Brewer Briggs Brooks Brown Bruce Bryant Buck Burke Burns Burton Bush Butler
Byrne Cain Calvert Cameron Campbell Carey Carlson Carr Carroll Carson Chandler Chapman Chase Christensen Clark Clarke Clayton Cobb Cohen Coleman
Collins Connor Conrad Conway Cook Cooper Corbett Cox Craig Crane Crawford Cross Cunningham Curry Curtis Dalton Daly Daniels Dawson Day Dean Decker
Dennis Dietrich Doherty Donovan Douglas Doyle Drake Draper Drew Duke Duncan Dunn Durand Dyer Eaton Ebert Eckert Edwards Elliott Ellison Emerson
Erikson Ernst Farmer Farrell Faulkner Feldman Ferguson Fields Finch Finley Fitzgerald Fleming Flynn Forbes Ford Fowler Fox Francis Frank Franke
Franklin Fraser Freeman French Frey Friedman Frost Fuller Gallagher Gardner Garrett Geiger George Gerber Gibbs Gilbert Giles Gill Glass Glover Goodman
Goodwin Gordon Graf Graham Gray Green Greer Griffin Griffith Gross Haag Hahn Hale Hall Hamilton Hammond Hansen Hanson Harding Hardy Harper Harris
Harrison Hart Hartmann Harvey Hawkins Hayes Heath Hebert Hein Heller Henderson Henry Herbert Herman Herrmann Hess Hicks Higgins Hill Hinz Hobbs Hodges
Hogan Holland Holmes Hood Hooper Hopkins Horn Horton Howard Howe Howell Hubbard Hudson Huff Hull Humphrey Hunt Hunter Hurley Irving Jackson Jacobs
Jacobsen Jahn James Jefferson Jenkins Jennings Johns Johnson Johnston Jones Joyce Jung Kaiser Kane Kaufmann Keith Kelley Kelly Kemp Kennedy Kent Kern
Kerr King Kirk Kirsch Knight Knox Koch Kramer Kraus Kruger Kuhn Lamb Lane Lang Lange Larson Lawrence Lawson Lee Lehmann Lenz Leonard Lester Lewis
Lincoln Lindsay Little Lloyd Logan Long Lorenz Lowe Lucas Ludwig Lutz Lynch Lyon MacDonald Mack Malone Mann Manning Marshall Mason Matthews Maurer May
Mayer McCarthy McCoy McDonald McGee McKenzie McLean Mead Mercer Merkel Metz Michaels Miles Miller Mills Mitchell Monroe Moody Moore Morgan Morrison
Morrow Moss Mueller Mullen Murphy Murray Myers Nelson Neumann Newman Newton Nichols Nicholson Nielsen Noble Nolan Norman Norris Norton Novotny Nowak
Obrien Oconnor Oliver Olson Oneill Orr Otto Owens Page Palmer Parks Parsons Patel Patterson Paul Payne Peck Pena Perkins Perry Peters Petersen Phelps
Phillips Pierce Pohl Pollard Poole Pope Powell Powers Pratt Preston Price Prince Quick Ramsey Randall Ray Reeves Reid Reyes Reynolds Rhodes Rice
Richards Richardson Richter Riley Rivera Robbins Roberts Robertson Robinson Roche Rodgers Rogers Roman Rose Ross Roth Rowe Russell Ryan Sanders Sauer
Saunders Sawyer Schaefer Schneider Schreiber Schroeder Schulz Schuster Schwarz Scott Seidel Sharp Shaw Shelton Shepherd Sherman Short Simmons Simon
Simpson Singh Skinner Slater Sloan Smith Snyder Sommer Sparks Spencer Stanley Steele Stein Stephens Stevens Stewart Stokes Strauss Strong Stuart
Sullivan Summers Sutton Swan Swift Sykes Tate Taylor Thomas Thompson Thomson Thornton Todd Townsend Tucker Tyler Underwood Vance Vaughan Vega Vincent
Wade Walker Wall Wallace Walter Walton Ward Warner Warren Washington Watkins Watson Watts Webb Webster Weiss Wells Welsh Wendt West Wheeler White
Whitehead Wilcox Wilkins Wilkinson Williams Williamson Willis Wilson Winkler Wolf Wood Woodward Wright Wulff Yates Yeats York Ziegel""".split()
PRODUCT = """abacus|action camera|air mattress|air purifier|alto flute|amplifier|ankle boots|anorak|aquarium|archery set|ash tray|atlas|baby carriage|baby monitor|
badminton set|bagpipes|baking sheet|balance board|ballpoint pen|bar stool|barbell|baseball cap|baseball glove|basketball|bass drum|bath mat|bath robe|
bathtub|beach chair|beach towel|bean bag|bed frame|bed sheet|bedside table|beer mug|bicycle|bicycle pump|bike rack|bikini|billiard table|bird cage|
bird house|blazer|blow torch|bobsleigh|bolt cutter|bonnet|book end|bookcase|boombox|bottle opener|bow and arrow|bowling ball|bowls set|boxing gloves|
bread bin|bread knife|bread maker|brush set|bubble machine|bumper car|bunk bed|butter knife|cable drum|cake stand|cake tin|calculator|camcorder|
camera lens|camp bed|camping chair|camping lantern|candle holder|candlestick|cap gun|car battery|car charger|car cover|car jack|car radio|carving set|
cash box|cast iron pan|catapult|CD player|ceiling light|chain saw|chaise longue|chalkboard|changing table|cheese board|cheese knife|chess board|
chess clock|chisel|chopping board|christmas tree|cigar box|circular saw|clarinet case|climbing rope|clothes dryer|clothes rack|coat hook|coat rack|
cocktail shaker|coffee grinder|coffee table|coffee mug|colander|cold box|computer mouse|concertina|console|cookbook|cooking spoon|cordless phone|
corduroy trousers|cowboy hat|cradle|crash helmet|crayons|cricket bat|croquet set|crowbar|crystal vase|cuckoo clock|cup holder|cupboard|curling tongs|
cushion|cutlery set|cycling shorts|dart board|deck chair|deep fryer|desk chair|desk organiser|diary|dice set|digital piano|dining table|dinner plate|
dish cloth|dive watch|dog collar|dog leash|doll|doll pram|door chime|door lock|door handle|double bass|double bed|dressing gown|dressing table|
drum kit|drumsticks|dry suit|dumbbell|dvd player|ear plugs|ear warmers|egg cup|egg timer|electric bike|electric blanket|electric guitar|
electric heater|electric razor|elliptical trainer|espresso machine|exercise bike|extension cord|eye shadow|face mask|feather duster|fencing mask|
ferris wheel toy|field hockey stick|filing cabinet|fireplace set|fish tank|fishing net|fishing reel|flippers|floor lamp|floor mat|flower pot|
flower vase|flying disc|folding bed|folding chair|folding table|fondue pot|food mixer|foot stool|football boots|french horn|fruit bowl|fur coat|futon|
game console|garden bench|garden chair|garden gnome|garden shears|garden table|garlic press|gas cooker|gas mask|gift box|glass bowl|globe lamp|
glockenspiel|go-kart|goal net|gold ring|golf bag|golf ball|golf trolley|gong|grandfather clock|gravy boat|griddle|guitar case|guitar strings|gym bag|
hair brush|hair clip|hair curler|hairdryer|hand axe|hand blender|hand mirror|handcart|handkerchief|handsaw|hang glider|hard hat|harp|hat box|headband|
headlamp|heat lamp|heat pad|hedge clipper|high chair|hiking boots|hockey skates|hookah|horse saddle|hot plate|hot tub|hula hoop|hunting knife|
hurdy-gurdy|ice box|ice bucket|ice cream maker|ice skates|inflatable pool|ink cartridge|inkwell|ironing board|jam jar|jewel case|jogging pants|
juice extractor|jumper|jumping jack|karaoke machine|keg|key ring|kimono|kitchen knife|kitchen stool|knee brace|knitting machine|lab coat|lace curtain|
lamp post|laser pointer|laundry basket|lawn chair|leather belt|leather sofa|letter box|life jacket|linen suit|lipstick|loom|loudspeaker|lute|
magic wand|magnifying glass|make-up kit|mallet|mantel clock|marbles|marimba|massage chair|measuring cup|measuring tape|meat grinder|megaphone|
metal detector|microscope|milk churn|milk jug|mini fridge|mobile phone|model train|mosquito net|motorbike|mountain bike|mouse pad|mouth organ|
muffin tin|music box|music player|nail clipper|nail gun|neck pillow|nightgown|notepad|nut bowl|oil lamp|organ|outdoor grill|overalls|oven mitt|
oxygen mask|paddling pool|paint brush|paint roller|pancake pan|paper shredder|paper tray|parachute|pasta machine|pastry board|patio heater|pedometer|
pencil case|pendant|pepper grinder|perfume|petticoat|photo album|piano stool|pickaxe|picnic basket|picnic rug|pie dish|pillow case|pinball machine|
pipe wrench|pitchfork|pizza cutter|plant pot|playing cards|playpen|pliers|plunger|pocket knife|pocket watch|polaroid camera|polo shirt|pool cue|
popcorn maker|pressure cooker|pressure washer|prism|pruning shears|pullover|punch bowl|puppet|quilt|radio clock|railway set|rain barrel|rain boots|
record player|recliner|refrigerator|reading lamp|remote drone|rice cooker|riding boots|rifle|rocking chair|roller coaster set|rowing boat|rubber boat|
rubber duck|rucksack cover|running machine|safety goggles|safety vest|sail|salad bowl|salt cellar|sanding block|sauna stove|saxophone case|school bag|
scissors|screw set|sculpture|security camera|sewing kit|shaving brush|shaving kit|sheet music|shirt stand|shoe cabinet|shoe horn|shoe rack|
shopping bag|shopping trolley|shower cabin|shower gel|sideboard|silk scarf|silver spoon|singing bowl|single bed|sink|sitar|skateboard ramp|ski boots|
ski helmet|ski jacket|ski pass holder|skipping rope|sled|sledge|sleeping mask|slide projector|slow cooker pot|smartphone|smoke detector|sneakers|
snow shovel|snowshoes|soap dish|socket set|soda maker|sofa bed|solar charger|soup bowl|spanner|speedboat|spice rack|spinning top|spinning wheel|
sports bra|sports watch|spyglass|squash racket|stamp album|steam cleaner|steam iron|steel drum|step ladder|stereo|stethoscope|stilts|stopwatch|
storage box|straw hat|street lamp|string lights|studio monitor|sugar bowl|sun dial|sun hat|sun umbrella|sunbed|surf suit|suspenders|swim fins|
swim suit|swimming trunks|swivel chair|synthesizer|table cloth|table lamp|table tennis bat|tackle box|tankard|tape recorder|teddy|telephone|
television|tennis balls|tent pegs|tiara|ticket printer|tiffin box|tin whistle|toilet brush|tongs|tool belt|torch|toy car|tracksuit|traffic cone|
trench coat|trolley bag|trombone|trousers|trowel|tv|tweed jacket|ukulele bag|underwear|unicycle|uniform|usb stick|vacuum flask|vest|video camera|
video game|vinyl record|waffle iron|walking frame|walking stick|walkie-talkie|wall clock|wall mirror|warming pan|wash basin|washing line|
washing machine|water filter|water heater|water pump|water skis|water tank|wax candle|wedding ring|weight bench|wellies|wet suit|whetstone|whistle|
wicker basket|wig|wind chimes|windsock|wine cooler|wine rack|winter boots|winter tyres|wool blanket|woolly hat|work boots|wrist band|writing desk|
zither""".replace("\n", "").split("|")
CITY = """Aberdeen|Adelaide|Algiers|Alicante|Amsterdam|Ankara|Atlanta|Baghdad|Baku|Baltimore|Bangkok|Barcelona|Bath|Beirut|Belfast|Belgrade|Bern|Birmingham|
Bologna|Bonn|Bordeaux|Bratislava|Bremen|Brighton|Brisbane|Bruges|Brussels|Bucharest|Budapest|Calgary|Cambridge|Canberra|Cardiff|Cologne|Copenhagen|
Coventry|Dakar|Dallas|Damascus|Darwin|Delhi|Derby|Detroit|Dover|Dresden|Dundee|Durham|Edinburgh|Essen|Exeter|Florence|Frankfurt|Freiburg|Galway|
Gdansk|Genoa|Gibraltar|Glasgow|Graz|Groningen|Haifa|Hanover|Havana|Helsinki|Houston|Innsbruck|Istanbul|Jakarta|Jerusalem|Kabul|Karachi|Kiel|Kyiv|
Lagos|Lahore|Lausanne|Lille|Limerick|Linz|Liverpool|Ljubljana|Lucerne|Luxembourg|Malaga|Manchester|Mannheim|Marseille|Melbourne|Memphis|Miami|Milan|
Minsk|Monaco|Moscow|Munich|Nantes|Nashville|Newcastle|Nice|Norwich|Nottingham|Odessa|Orlando|Ottawa|Oxford|Palermo|Panama|Phoenix|Plymouth|Portland|
Potsdam|Quebec|Quito|Rabat|Reykjavik|Rostock|Rotterdam|Salzburg|Santiago|Sarajevo|Sheffield|Shanghai|Singapore|Skopje|Sofia|Stockholm|Strasbourg|
Stuttgart|Swansea|Tampa|Tangier|Tehran|Tirana|Tokyo|Toulouse|Trieste|Tripoli|Valencia|Vancouver|Venice|Verona|Vilnius|Warwick|Weimar|Winnipeg|
Worcester|Yerevan|York|Zagreb""".replace("\n", "").split("|")
WIDE = {name: trainable(words, name) for name, words in (("first", FIRST), ("last", LAST), ("product", PRODUCT), ("city", CITY))}
