"""Greetings in many more words than the lists have: openings, whom one greets, the time of day, what is said besides. Only
for training, as in asking.py: a line that is held out is never made. [a|b] is one of these.

Of two things said at once the later one counts: "hello, how are you" asks how it is, "thanks, bye" is a goodbye.
"""
HI = ("[hi|hi|hello|hello|hey|hiya|heya|howdy|hallo|hullo|hola|aloha|ahoy|yo|greetings|salutations|well hello|oh hello|hi hi|hey hey|hello hello|hellooo|heyyy|"
      "hii|helloo|bonjour|salut|namaste|moin|guten tag|buenos dias|bom dia|ello|hai|oi|oh hi|ok hi|so hello|um hello|right, hello|well hi|"
      "warm greetings|kind greetings|season's greetings|a big hello|a quick hello|hello once more|hi again|hello again|hey again]")
DAY = ("[[good|a good|a very good|a lovely|a pleasant] [morning|evening|afternoon|day]|[good morning|good evening|good afternoon|good day]|"
       "[morning|mornin'|evening|evenin'|afternoon|g'day|g'morning|gm|good mornin|goood morning|guten morgen|good morrow]|top of the morning]")
WHOM = ("[there|all|you|you there|everyone|everybody|folks|guys|team|mate|pal|buddy|bud|bro|dude|man|friend|my friend|old friend|dear friend|stranger|neighbour|"
        "boss|captain|chief|sir|madam|ma'am|dear|love|sunshine|world|bot|little bot|robot|computer|machine|model|little model|demo model|demo|assistant|"
        "dear assistant|AI|gateway|Hearth|dear Hearth|Hearth team|Hearth bot|Mr Bot|partner|colleague|crew|gang|both|to you|to you all|to all of you|"
        "to everybody|to the team|again|once again|{first}|ladies and gentlemen]")
FROM = "from [{city}|{first}|me|us|the office|all of us|the kitchen|my phone|the train|rainy {city}|sunny {city}|the other side|the team|my desk]"
MARK = "[,|,|,||!|.]"
ME = ("[I'm|I am|my name is|my name's|this is|it's|it is|they call me|you can call me|call me|name's|the name is] [{first}|{first}|{first} {last}]")
MEET = ("[nice|pleased|glad|good|great|lovely|happy|a pleasure|delighted] to [meet|see|have met|finally meet|be here with] you[| all| again| at last| too]")
HERE = ("[I'm|I am] [new here|back|back again|here|here now|here again|the new one|a new user|just trying this|just looking around|online now|ready]|"
        "[just|I just|only] [saying hi|saying hello|wanted to say hi|want to say hello|popping in|dropping by|came to say hello|stopping by]|"
        "[first time|my first time|my first day|day one] here|[here I am|it's me|it's me again|me again|long time no see|we meet again|there you are|"
        "let's begin|let's get started|shall we start|ready when you are|I come in peace|at your service|reporting in]")
THERE = ("[is|is there] [anyone|anybody|someone|somebody] [there|here|home|in|awake|listening|online|around]?|"
         "[anyone|anybody|somebody|someone] [there|here|home|in|awake|listening|online|around]?|"
         "[are you|you] [there|here|home|awake|up|online|listening|around|still there|on|receiving|with me]?|"
         "[can|do] you [hear|read|see|copy] me?|[do you copy|do you read me|is this on|is this thing on|is it on|does this work|is anybody in|hello in there|who's there]?")
AS_TEST = "[test|testing|a test|just a test|only testing|test one two|testing testing|test 123|one two three test|mic check|sound check|ping|knock knock|echo|beep beep]"

NOW = "[| today| now| right now| this morning| this evening| this afternoon| tonight| these days| lately| so far| over there| in there| at the moment| there]"
HOW = ("[how are you|how are you doing|how are you feeling|how are you keeping|how are you getting on|how do you feel|how have you been|how you doing|how ya doing|"
       "how r u|how are ya|how is it going|how's it going|hows it going|how is life|how's life|how are things|how are things going|how is everything|"
       "how's everything|how goes it|how does it go|how is your [day|morning|evening|week|night] [going|so far|]|"
       "how was your [day|morning|night|weekend|week|evening|trip|sleep|holiday]|how are we|how are you holding up|how do you do|"
       "how's tricks|how's your mood|how is business|how's work|how's the [mood|day|morning|week|situation]]")
WELL = ("[are you|you|r u|you're|are you feeling|feeling|are you doing|doing] [ok|okay|well|fine|alright|all right|good|great]" + NOW + "?|"
        "are you [happy|tired|busy|in a good mood|well rested|in good shape|in good spirits|having a good day|having fun|enjoying your day|sleepy]" + NOW + "?|"
        "[is|are] [everything|all|things] [ok|okay|fine|well|good|all right|alright|in order|going well|running well|under control]" + NOW + "?|"
        "[everything|all|things] [ok|okay|fine|well|good|all right|alright|in order|cool] [with you|there|on your side|over there|today|]?|"
        "[what's|whats|what is] [up|new|happening|cooking|going on] [with you|today|there|]?|[slept|did you sleep|have you slept] well?|"
        "[did you have|have you had|are you having|had|having] a [good|nice|great|pleasant|busy|quiet|long|lovely] [day|night|morning|week|weekend|evening|start]?|"
        "[I hope|hope|I trust|hopefully] [you are|you're] [well|fine|ok|good|doing well|doing fine|doing great|having a good day|in good health|feeling well]|"
        "[I hope|hope] [all is|everything is|things are] [well|fine|good|ok] [with you|over there|]")
AND_YOU = ("[I'm|I am|im] [fine|good|well|ok|great|doing well|alright|not bad] [|, thanks|, thank you|thanks], [and you|how about you|what about you|and yourself|how are you|you]?|"
           "[fine|good|great|doing well|all good|not bad] [here|thanks|thank you|on my side], [and you|how about you|what about you|yourself|how about yourself]?|"
           "[and|so|but] [how are you|how about you|what about you]?|[how about you|what about you|and you|and yourself]?")

THANK = ("[thanks|thanks|thank you|thank you|thx|thanx|ty|tysm|cheers|many thanks|thank u|thank ya|tnx|thnx|merci|danke|gracias|grazie|big thanks|a thousand thanks|"
         "a million thanks|thanks again|thank you again|kind thanks|my thanks|heartfelt thanks|thankyou|ta|warm thanks|thanks thanks|special thanks]")
SO = "[| a lot| so much| very much| a bunch| a ton| tons| loads| a million| kindly| dearly| indeed| ever so much| heaps| again| in advance| anyway| really]"
FOR = ("for [that|this|it|everything|[the|your|all the|all your] [help|answer|reply|info|information|explanation|time|advice|support|patience|work|effort|hint|tip|"
       "assistance|quick reply|quick help|quick answer|kind help|kind words|fast answer|good answer|clear answer|useful answer|clear words|service|"
       "response|good work|trouble|guidance]|[helping|answering|explaining|replying|being there|being so kind|being patient|trying|listening|sorting that|"
       "clearing that up|coming back to me|looking into it] [me|so fast|that|again|today|]]")
FINE = "[great|good|perfect|super|wonderful|excellent|awesome|brilliant|lovely|cool|nice|sweet|fantastic|amazing|fine|ok|okay|alright|ah ok|oh great|got it|I see|understood|wow|yes|right|very good|all right|all clear|good to know|nice one|good job|well done|great work|nicely done]"
HELPED = ("[that|this|it|your answer|your help|the answer|your reply] [helps|helped|was helpful|is helpful|was useful|is useful|was great|was perfect|was very kind|is all I needed|"
          "is what I needed|was what I wanted|is just what I wanted|solved it|did the trick|did it|does it|works|worked|is enough|was quick|was fast|makes sense|"
          "answers my question|answered my question|cleared it up] [a lot|very much|a great deal|perfectly|]")
PRAISE = ("[you [are|were|have been] [a star|a legend|a lifesaver|a gem|an angel|a hero|the best|very kind|so kind|so helpful|very helpful|a great help|such a help|too kind|"
          "a treasure|most helpful]|you [saved|made] my [day|evening|week|morning]|you helped me [a lot|so much|very much|greatly|out]]")
GRATEFUL = ("[I|we] [really |truly |do |greatly |very much |] appreciate [it|that|this|your help|the help|your time|all you did|your effort|the quick answer]|"
            "[I am|I'm|we are|so|very|really|truly|ever so|deeply] [grateful|thankful|obliged|much obliged] [for that|for your help|to you|for everything|]|"
            "[much|greatly|really|highly|deeply|truly] appreciated|[I owe you|I owe you one|I owe you a coffee|I owe you a beer|I'm in your debt]|"
            "[how|very|that is|that's|so|most] [kind|nice|thoughtful|helpful|good] of you|[can't|cannot|I can't|I cannot] thank you enough|"
            "[please accept|here are|take|you have] my [thanks|sincere thanks|gratitude]|[just wanted|I want|I wanted|I'd like|I just came] to [say thanks|say thank you|thank you]")

BYE = ("[bye|bye|goodbye|goodbye|good bye|bye bye|byebye|bye-bye|byee|ciao|adios|adieu|farewell|so long|cheerio|ta ta|toodles|toodle-oo|later|laters|see ya|see you|"
       "see u|cya|cu|ttyl|bb|au revoir|auf wiedersehen|arrivederci|hasta la vista|sayonara|tschuess|peace out|catch you later|catch ya later|see you later|"
       "see you later alligator|until later|till later|until then|till then|until next time|till next time|until tomorrow|till tomorrow|I'm off|over and out|ok bye|"
       "well, bye|alright, bye|bye then|goodbye then|bye for now|goodbye for now|that was it, bye|godspeed]")
TILL = ("[see you|see ya|see u|talk to you|talk to ya|speak to you|catch you|catch ya|meet you|hear from you|read you|chat with you|write to you|back] [later|soon|tomorrow|then|around|"
        "again|again soon|next week|next time|on {weekday}|next month|in the morning|tonight|after lunch|after work|after the weekend|in a bit|in a while|"
        "in {n} days|another day|another time|some day|on the other side|when I'm back|at the meeting]")
LEAVE = ("[I|ok I|well I|sorry, I|I really|I think I|right, I|guess I|now I] [have to|must|need to|should|better|gotta|got to|will|am going to] [go|run|leave|dash|be off|head out|"
         "stop here|log off|log out|sign off|get going|get moving|hang up|head home|catch my bus|catch a train|go home|go to bed|get some sleep|get back to work|"
         "go to lunch|go now|leave now|be going|pick up the kids]|"
         "[I'm|I am|we are|we're] [off|off now|off home|off to bed|leaving|leaving now|going|going home|going now|going to bed|logging off|logging out|signing off|"
         "heading out|heading home|done for today|done here|done for now|out|out of here|finished here|away now]|"
         "[time|it's time|high time] [to go|to leave|for bed|to sleep|to log off|to say goodbye|for me to go|to call it a day]|"
         "[gotta|got to|have to|must|need to] [go|run|dash|fly|leave|sleep|bounce]|[my bus|my train|my taxi|dinner|lunch|my ride] is [here|waiting|coming], [bye|see you|I must go|gotta go]")
DONE = ("[that's|that is|that was|this was|this is] [all|it|everything|all I wanted|all I needed|enough] [for today|for now|from me|for the moment|folks|then|]|"
        "[we are|we're|I'm|I am] done[| here| for today| for now]|[nothing else|no more questions|no further questions|that will be all|end of chat|end of conversation|closing time|"
        "let's call it a day|let's stop here|enough for today]")
WISH = ("[have|have yourself|enjoy|I wish you|wishing you] [a|a very|a really] [nice|good|great|lovely|pleasant|wonderful|beautiful|quiet|relaxing|sunny|restful] [day|evening|weekend|night|week|"
        "afternoon|holiday|time|trip|sunday|rest of the day|rest of your day|break|one]|enjoy [your|the] [day|evening|weekend|night|rest|holiday|break|sunshine]|"
        "[good night|goodnight|night night|nighty night|gn|sleep well|sleep tight|sweet dreams|rest well|have a good night|have a good rest|good night and sleep well]|"
        "[take care|take good care|take it easy|be well|be good|keep well|stay safe|stay well|stay healthy|all the best|best of luck|good luck and goodbye|"
        "mind how you go|safe travels|look after yourself|keep it up and goodbye|be seeing you|behave]")
# a greeting before what is really meant
FIRST = f"[||||[{HI}|{HI}|{DAY}] [|||{WHOM}]{MARK}]"

PARTS = (HI, DAY, ME, MEET, f"[{HERE}]", f"[{THERE}]", AS_TEST, HOW, f"[{WELL}]", f"[{AND_YOU}]", THANK, f"{FINE} {THANK}", HELPED, PRAISE, f"[{GRATEFUL}]", BYE, TILL, f"[{LEAVE}]", f"[{DONE}]", f"[{WISH}]",
         f"{HI} {WHOM}", f"{THANK}{SO}")
MORE = {
    "hello": [f"{HI} {WHOM}", f"{HI} {WHOM}", f"{HI}{MARK} {WHOM}", HI, DAY, f"{DAY} {WHOM}", f"{DAY}{MARK} {WHOM}", f"[{HI}|{DAY}] {FROM}", f"{HI}, {DAY}", f"{DAY}, {HI}",
              f"[{HI}|{DAY}] [|{WHOM}]{MARK} {ME}", f"{ME}, [hi|hello|hey]", f"{{first}} here[|, hi|, hello]", f"[{HI}|{DAY}] [|{WHOM}]{MARK} {MEET}", MEET, f"{HI}{MARK} {ME}, {MEET}",
              f"[{HI}|{DAY}] [|{WHOM}]{MARK} [{HERE}]", f"[{HERE}]", f"[{HI}|{DAY}] [|{WHOM}]{MARK} [{THERE}]", f"[{THERE}]", AS_TEST, f"{HI}, {AS_TEST}", f"{AS_TEST}, {HI}",
              f"[{HI}|{DAY}] and [welcome|{DAY}|greetings to all|nice to see you]", "[I|we] [wish you|bid you] [a good morning|a good evening|a good day]", "[I|we] [say hello|send greetings]",
              f"[say|just say] [hi|hello] [|to me|back]", f"{HI} {WHOM} {WHOM}"],
    "how": [f"{FIRST} {HOW}{NOW}?", f"{FIRST} {HOW}{NOW}?", f"{FIRST} {HOW}, {WHOM}?", f"{FIRST} [{WELL}]", f"{FIRST} [{WELL}]", f"{FIRST} [so|and|now|well|tell me], {HOW}{NOW}?",
            f"[{AND_YOU}]", f"{FIRST} [{AND_YOU}]", f"[tell me|say|let me know|may I ask|can I ask], {HOW}?", f"{HOW}[, | and ][are you well|all good|is all well|everything fine]?",
            f"{FIRST} [I want|I wanted|just wanted|I'd like] to [know|ask|see|hear] how [you are|you are doing|it is going|things are|you feel|your day is]"],
    "thanks": [f"{THANK}{SO}", f"{THANK} {FOR}", f"{THANK}{SO} {FOR}", f"{THANK}{SO}{MARK} {WHOM}", f"{FINE}[,|!|.|] {THANK}{SO}", f"{FINE}[,|!|.] {THANK} {FOR}", f"{HELPED}[, |. |! | ]{THANK}",
               f"{THANK}[, |. |! ]{HELPED}", f"{PRAISE}[, |. |! ]{THANK}", f"{THANK}[, |. |! ]{PRAISE}", f"[{GRATEFUL}]", f"{THANK}[, |. |! ][{GRATEFUL}]", f"{FINE}[, |. |! ][{GRATEFUL}]",
               f"{FINE}[, |! ]{HELPED}[, |. ]{THANK}", f"[{HI}|{DAY}] [|{WHOM}]{MARK} {THANK} {FOR}", f"{PRAISE}", f"[ok|okay|yes|no|well|oh|ah|aw|wow|no no|all good], {THANK}{SO}", f"{HELPED}"],
    "bye": [BYE, f"{BYE} {WHOM}", f"{BYE}{MARK} {WHOM}", TILL, f"{BYE}[, |! |. ]{TILL}", f"[ok|okay|well|right|alright|so][,|] {BYE}", f"[{LEAVE}]", f"[{LEAVE}][, |. |! ]{BYE}", f"{BYE}[, |. |! ][{LEAVE}]",
            f"[{DONE}]", f"[{DONE}][, |. |! ]{BYE}", f"[{WISH}]", f"[{WISH}][, |. |! ]{BYE}", f"{BYE}[, |. |! | and ][{WISH}]", f"{THANK}{SO}[, |. |! | and ]{BYE}", f"{THANK} {FOR}[, |. |! | and ]{BYE}",
            f"[ok|okay|great|fine|perfect], {THANK}, [{BYE}|{TILL}]", f"{THANK}[, |. |! ][{WISH}]", f"[{WISH}]{MARK} {WHOM}", f"[{LEAVE}][, |. ]{TILL}", f"[{DONE}][, |. ][{WISH}]",
            f"[I|we] [say|bid you|wish you] [goodbye|farewell|good night]", f"[it was|was] [nice|good|great|a pleasure|fun] [talking to you|chatting with you|to talk to you|meeting you][, |. |! ]{BYE}"],
}
