"""Questions about Hearth in many more words than the lists have. Only for training, as in grammar.py: a line that is held
out is never made. [a|b] is one of these.
"""
WHAT = (
    "[what is|what's|what do you mean by|what is meant by|define|explain|describe|tell me about|I don't get|meaning of|what about|please explain|"
    "can you explain|could you tell me what is|help me understand|a word about|info on|remind me what is|so what is|what exactly is|who can explain|"
    "in short, what is|briefly:|your definition of|I'd like to know about|I read about|I want to understand|give me the idea of|what does Hearth call|"
    "how would you define|how do you explain|what should I know about|where can I read about|teach me]")
TERM = {
    "sensitivity": (
        "[sensitivity|the sensitivity|sensitivity levels|sensitivity of a prompt|a request's sensitivity|the sensitivity of my data|"
        "the four sensitivity levels|the privacy level|public and internal|confidential requests|the restricted level|an internal request|"
        "a public request|the sensitivity scale|how private a request is|privacy classes|the word sensitivity|the term sensitivity]"),
    "clearance": (
        "[clearance|the clearance|clearances|a target's clearance|clearance of a model|the clearance level|the clearance limit|the clearance field|"
        "clearance: internal|a clearance of confidential|the highest sensitivity a target may see|what a target may read|the word clearance|"
        "the term clearance|clearance in the config]"),
    "complexity": (
        "[complexity|the complexity|complexity scores|a request's complexity|complexity 0.5|a complexity of 0.9|the complexity rank|"
        "how hard a request is|the difficulty of a request|the difficulty score|the number for difficulty|the word complexity|the term complexity|"
        "the complexity of a prompt|the rank between 0 and 1]"),
    "capability": (
        "[capability|the capability|capabilities of a target|a target's capability|capability 0.4|a capability of 0.8|the capability of my model|"
        "how able a model is|how strong a target is|the strength of a model|the capability field|the word capability|the term capability|"
        "capability per task|model strength|what a target handles well]"),
    "zones": (
        "[a zone|zones|the zones|Hearth's zones|the device zone|the premises zone|the cloud zone|premises|device and cloud|the three zones|"
        "zone: premises|the zone of a target|where a target stands|the word zone|the term zone|on premises|device, premises, cloud]"),
    "target": (
        "[a target|targets|the target|Hearth's targets|a cloud target|a local target|the word target|the term target|targets in the config|"
        "the target list|a place to serve requests|the kinds of target|an engine target|a remote target]"),
}
MORE = {
    "sensitivity": [
        "[how|in what way] [private|secret|sensitive] [can|may|is] [a request|a prompt|my text]?",
        "[levels|grades|steps|classes|kinds] of [sensitivity|privacy|secrecy]",
        "[is there|are there] [levels|classes|grades] of [privacy|sensitivity]?",
        "[public, internal, confidential, restricted|public or internal|confidential or restricted], what [is that|does it mean]?",
        "[how many|which|what] [privacy|sensitivity] [levels|grades|classes] [do you know|are there|exist|does it use]?",
    ],
    "clearance": [
        "[how much|what|which data|how secret a request] [may|can|is allowed to be seen by] a [target|model] [see|read|get|handle]?",
        "[can|may] [clearance|the clearance] be [changed|bypassed|overridden|exceeded|switched off|broken]?",
        "[what limits|who limits|what restricts] what a [target|model|cloud model] [sees|gets|reads]?",
        "[highest|maximum|top] sensitivity [of|for] a target",
        "does [a|each|every] target need a clearance?",
    ],
    "complexity": [
        "[how|who|what] [rates|measures|scores|judges|estimates] [the difficulty|how hard it is|how hard a prompt is|complexity]?",
        "[what|which] [number|score|rank] [says|shows|tells] how [hard|difficult] [a request|a prompt|my question] is?",
        "[is|does] [a hard prompt|a difficult question] [get|have] a [higher|bigger] [score|complexity|number]?",
        "0.[1|2|3|5|6|8|9] complexity, [what is that|what does it mean|is that hard]?",
        "how [hard|difficult] is [my|a] request [to Hearth|rated|]?",
    ],
    "capability": [
        "[how|where] [does Hearth|do I|does it] [know|say|write|rate|state|set] how [good|able|strong|clever] a [target|model] is?",
        "[which|what] [number|setting|value|field] [says|shows|rates] how [good|able|strong] a [target|model] is?",
        "[what|how much|how hard a request] can a [target|model] [handle|cope with|do well]?",
        "[rating|grade|score|strength] of a [target|model]",
    ],
    "zones": [
        "[how many|which|what] [zones|areas|places] [are there|does it have|do targets have|are known]?",
        "[where|in which zone] [can|does|may] a [target|model] [be|live|run|stand|sit]?",
        "[is|are] [the cloud|a server in my office|my laptop|my own machine] a zone?",
        "[list|name|enumerate|count] [the|all|your] zones",
        "[device|premises|cloud], [what is that|what does it mean|is that a zone]?",
    ],
    "target": [
        "[which|what|how many] [kinds|types|sorts] of target[s|] [are there|exist|do you have|does it know]?",
        "[is|can] [a model|an engine|a server|my GPU box|OpenAI|another server] [be|] a target?",
        "[where|by whom|by what] [is|are] [a request|requests|my prompts] [served|answered|handled]?",
    ],
    "who": [
        "[who|what] [on earth|exactly|actually|then|] are you[| really| anyway]?",
        "[who|which company|which firm|what team] [made|built|owns|develops|trained|created|programmed] you?",
        "[are you|you are] [an AI|a machine|a program|a computer|a chatbot|a neural network|some kind of bot|alive|real|Gemini|Mistral|Llama|"
        "an OpenAI model|from OpenAI|from Google|the default model|built in|a toy|a small model|an LLM]?",
        "[say|tell|give me] your name",
        "[what|which] [version|model|bot|network|software] [are you|is answering|am I using|replies here]?",
        "[what|how many] [size|parameters|layers|weights] [do you have|are in you|have you got]?",
        "[who|what] [is behind|is this|answers|speaks here|writes this]?",
        "[describe|explain|introduce] [yourself|who you are] [briefly|please|in a sentence|]",
    ],
    "can": [
        "[what|which things|which jobs|what sort of tasks] [can|could|may] [you do|you solve|I give you|I use you for|this model do|I ask|"
        "you help with]?",
        "[how|with what|in what way] [can|could] [you|this model] [be of use|be useful|help me|assist|serve me]?",
        "[your|list your|name your|show your] [skills|tasks|talents|features|abilities|functions|limits]",
        "[what|how] are you [good|useful|made|meant|built] for?",
        "[show|give|tell] me [some examples|an example|what works|what you know|what to ask]",
        "[help|usage|manual|instructions|what now|how does this work|where do I begin|what should I type]",
        "[do you|can you] [help|do something|do tasks|work for me]?",
        "[which|what] [questions|requests|commands|prompts] do you [understand|answer|know|take]?",
    ],
    "hearth": [
        "[what|what kind of thing|what sort of software] is [Hearth|this Hearth thing|the Hearth project|this gateway|this program]?",
        "[why|what for|when] [would one|do people|should we|does one|do I] [need|use|run|install|want] [Hearth|this gateway]?",
        "[sum up|describe|present|pitch|introduce|summarise] [Hearth|the gateway|this software] [in a line|for me|in brief|]",
        "[what|which problem] does [Hearth|the gateway] [do|solve|offer|give me]?",
        "[Hearth|the gateway], [in a few words|in short|what is that|what does it do|explain]",
        "[purpose|use|idea|aim|point] of [Hearth|the gateway]",
        "[is|so is] Hearth [a proxy|a server|a router for models|a chatbot|a kind of ChatGPT|an app|a library]?",
        "[I just installed|someone told me about|I never used] Hearth, what [is it|does it do]?",
    ],
    "add": [
        "[how|where|in which file] [do I|can I|should I|would I] [add|install|put|plug in|load|set up|register|configure|get|use|run] [a model|"
        "another model|my model|a bigger model|a GGUF file|a GGUF|Llama|Mistral|Qwen|more models|a smarter model|the real thing]?",
        "[I have|I downloaded|here is|got] [a GGUF|a GGUF file|a model file|a big model], [what now|now what|where do I put it|how do I use it|"
        "how do I load it]?",
        "[replace|swap|exchange|upgrade] [you|the demo model|this model|this tiny model] [how|please|with a real one|for a better one]",
        "[can|may|could] I [add|use|load|plug in|run] [more|other|bigger|my own|two|real] model[s|]?",
        "[adding|installing|loading|using] [a model|models|a GGUF|my own model]",
        "[need|want|give me] a [better|bigger|real|proper|larger] model",
        "[which|what] [key|setting|section|part] of the config [names|holds|takes|lists] [the model|models|a model]?",
        "[where|which docs|what page] [explains|shows|describes|tells] how to add [a model|models]?",
    ],
    "route": [
        "[how|by what rule|on which grounds|in what way] [does Hearth|does it|does the router|does the gateway] [choose|pick|select|decide on|"
        "find] [a target|the target|a model|where to send it|where it goes|the cheapest place]?",
        "[what|who|which rule] [chooses|picks|decides on|selects] [the target|the model|the route|where it goes]?",
        "[explain|describe|tell me about] [the choice|the decision|the selection|how it picks a target|request routing|the routing rules]",
        "[routing|route|the router|target choice|target selection][|, how| explained|, please|, how does it work]",
        "[how|why|when] [is|are] [a request|requests|my prompts] [routed|sent somewhere|distributed|assigned|directed]?",
        "[when|why] does [a request|my prompt|it] go to [the cloud|a local model|another server|the cheapest target]?",
        "[does|will] Hearth [take|use|prefer|pick] the [cheapest|best|nearest|fastest] [target|model]?",
    ],
    "private": [
        "[is|are|will] [my text|my data|my prompts|my files|private things|secrets|my password|my card number|personal data] [be|] [safe|secure|"
        "protected|kept here|shared|leaked|uploaded|sent away|sold]?",
        "[does|do|will|can] [Hearth|you|it|the gateway] [upload|share|leak|send|give away|sell|keep safe|protect|forward] [my data|my text|"
        "private data|secrets|what I type|confidential texts|my prompts]?",
        "[what happens|what is done] [to|with] [private|confidential|restricted|secret|sensitive] [data|texts|requests|prompts|messages]?",
        "[who|which models|which servers] [reads|sees|gets|may read] [my text|my prompts|private requests|what I write]?",
        "[what if|what happens when] [no target is allowed|nothing is cleared|no target has the clearance|all targets are in the cloud]?",
        "[privacy|data protection|security|confidentiality|secrecy][| please|, how| of my data|: how is it handled]",
        "[how|in what way] [is|are] [privacy|secrets|private data|my data] [protected|handled|kept|guarded|ensured|treated]?",
    ],
    "logs": [
        "[do|does|will|are] [you|Hearth|the logs|log files|it] [log|logging|keep|record|contain|store|save|hold] [prompts|my prompts|what I type|keys|"
        "passwords|my text|secrets|messages]?",
        "[what|which things] [is|are|gets|get] [logged|in the log|written to the logs|recorded|stored]?",
        "[is|will] [my question|my prompt|this chat|the text|my key|anything I say] [be|] [logged|recorded|in the log|kept in a log|saved to the log]?",
        "[prompts|keys|secrets|found values] in [the log|the logs|log files]?",
        "[logging|the log|logs][| of prompts|, what is in them|: are prompts there|, any secrets]?",
    ],
    "explain": [
        "[why|how come|for what reason] [was|is|did] [this target|that model|the cloud|this model|it] [chosen|picked|used|taken|selected]?",
        "[how|where] [do I|can I] [see|find out|learn|check|look up] [why|the reason why] [it|a request|my prompt|the request] [went there|"
        "went to the cloud|was refused|was routed so|took that target]?",
        "[which|what] [command|subcommand] [tells|shows|gives|explains] [the reason|why|a decision|the route of a request]?",
        "[hearth explain|the explain command|explain ID][|, what is it|, what for|, how do I use it| usage]",
        "[reason|reasons|grounds] for [a route|the decision|that target|the choice of target], [where|how]?",
        "[trace|inspect|understand|look into] [a decision|a routing decision|the route of a request], how?",
    ],
    "report": [
        "[how much|what] [have I spent|did it cost|do my requests cost|did I pay|is my bill|was spent|does it cost so far]?",
        "[where|how] [do I|can I] [see|find|look up|get|check] [costs|my costs|what I spent|the usage|spending|statistics|how long requests took|"
        "the ledger]?",
        "[which|what] [command|subcommand] [shows|prints|sums up|lists] [costs|usage|spending|the ledger|what I spent]?",
        "[hearth report|the report command|the ledger|cost report|usage report][|, what is it|, what for|, how|?]",
        "[costs|spending|expenses|statistics] [please|overview|of my requests|so far|this month|, where]",
        "[give me|show me|print|I want] [the costs|my spending|a cost overview|the usage|the numbers|statistics on requests]",
    ],
    "config": [
        "[where|in which file|how] [is|are|do I write|do I set|do I change|do I find] [the config|the settings|Hearth's config|the configuration|"
        "its options]?",
        "[which|what] [file|format|syntax] [does the config have|is the config in|does Hearth read|holds the settings|is used for settings]?",
        "[how|with what] [do I|can I] [check|validate|test|verify|lint] [the config|my config|the YAML|a config file|the settings]?",
        "[hearth check|the check command|the config|config file|YAML file|settings][|, what is it|, what for|, how|?| please]",
        "[is|does] [a config|a YAML file|the config] [needed|required|a must|optional|right]?",
        "[can|does] [Hearth|it] [start|run|work] without [a config|any config|settings|a YAML file]?",
        "[configure|set up|configuring] [Hearth|the gateway], how?",
        "[is|are] [my config|my settings] [valid|right|correct|ok]?",
    ],
    "port": [
        "[which|what] [port|address|host|URL|IP] [does it|does Hearth|do you|does the server|does the gateway] [use|listen on|bind|open|have|"
        "run on] [by default|]?",
        "[where|at what address|on which port] [does|is|can I find|do I reach] [Hearth|the server|the gateway|it|the endpoint] [listen|running|found|]?",
        "[default|standard|usual] [port|address|URL|host|endpoint][| please|, which|?]",
        "[port|address|URL|base URL|endpoint] of [Hearth|the server|the gateway]",
        "[localhost|127.0.0.1|8080|port 8080], [is that right|is that the default|or what|is it you]?",
        "[what|which] URL [do I open|do I call|should I use|do I enter|goes into my app]?",
    ],
    "api": [
        "[which|what|whose] [API|interface|protocol|endpoints] [does it|does Hearth|do you|does the gateway] [speak|have|offer|provide|support|"
        "understand|follow]?",
        "[can|could|may] [my app|my program|the OpenAI SDK|LangChain|my script|an app|Python code] [talk to|use|call|connect to|work with] [Hearth|it|"
        "the gateway]?",
        "[how|where] [do I|can I|does my app] [connect|call|query|use|hook up|point] [Hearth|my app|my code|the OpenAI client|the SDK|it]?",
        "[OpenAI|chat completions|REST|HTTP|the API][| support| compatible|, does it work|: yes or no|?]",
        "[does|is] [it|Hearth|the API] [support streaming|OpenAI compatible|like OpenAI|REST|work with my app|speak OpenAI]?",
        "[using|calling] Hearth from [my app|Python|curl|Node|Java|a script]",
        "[must|do] I [have to|] change my [app|code|program]?",
    ],
    "serve": [
        "[how|with what command] [do I|can I|do you|does one] [start|launch|run|boot|bring up|fire up|get going] [Hearth|the server|the gateway|it|"
        "the service|the daemon]?",
        "[which|what] [command|subcommand|program] [starts|runs|launches|boots] [Hearth|it|the gateway|the server|the service]?",
        "[start|launch|run|boot] [Hearth|the gateway|the service|the daemon]",
        "[hearth serve|the serve command|serve][|, what is it|, what for|, what does it do|?]",
        "[starting|launching|booting|running] [Hearth|the gateway|the server], how?",
        "[Hearth|the server|the gateway] [does not run yet|is not running|is down], how do I start it?",
    ],
    "chat": [
        "[how|with what command] [do I|can I] [chat|talk|speak] [with|to] [a model|you|the model] [in the terminal|in a shell|on the command line|"
        "from the console|in my terminal|without an app|in bash]?",
        "[is there|do you have|does Hearth have] a [terminal|console|shell|text] [chat|interface|client|mode]?",
        "[which|what] [command|subcommand] [opens|starts|lets me] [a chat|the chat|chat|talk to a model]?",
        "[hearth chat|the chat command|chat command|chatting in the terminal][|, what is it|, what for|, how|?]",
        "[chat|talk|chatting|talking] [from|in|on] [the terminal|a shell|the console|the command line], how?",
    ],
    "keys": [
        "[how|where|with what command] [do I|can I|does one] [create|make|get|issue|add|generate|revoke|delete|remove|withdraw|rotate|manage] [a key|"
        "an API key|keys|API keys|a key for my app|a token|access keys]?",
        "[which|what] [command|subcommand] [makes|creates|revokes|manages|deletes] [keys|API keys|a key]?",
        "[hearth keys|the keys command|API keys|app keys|a new key][|, what is it|, how|, where|?| please]",
        "[my app|an app|each app|the client] needs [a key|an API key|a token], [how|where from|where do I get it|what now]?",
        "[create|make|revoke|delete|issue] [a key|an API key|the key of an app]",
        "[someone stole|I lost|I leaked] [my key|an API key|the key of my app], [how do I revoke it|what now]?",
    ],
    "license": [
        "[which|what|under what] [licence|license|terms] [does Hearth have|is Hearth under|is it|has the model|covers Hearth|do you have|applies]?",
        "[is|are] [Hearth|it|the code|the demo model|this software|the gateway] [free|open source|free software|Apache|GPL|MIT licensed|proprietary|"
        "commercial|gratis]?",
        "[may|can|am I allowed to] I [use|sell|change|fork|share|copy|modify|redistribute|ship] [Hearth|it|the code|the demo model|this in my company]?",
        "[licence|license|licensing|copyright|terms of use][| of Hearth| of the model| please|?]",
        "[Apache|GPL|MIT|BSD][| licence| 2.0], [is it|right|or what]?",
    ],
    "language": [
        "[what|which|in what] [language|programming language] [is Hearth written in|was it written in|is used for Hearth|is the code in|"
        "did you write Hearth in|is the source in]?",
        "[is|was] [Hearth|it|the gateway|the engine] [written|coded|programmed|made] in [C|C++|Rust|Go|Python|Java|Zig|JavaScript]?",
        "[source|code|implementation] language[| of Hearth|?]",
        "[what|how] is [Hearth|the engine|the gateway] [coded|programmed|implemented|written] [in|]?",
        "[C, Rust or Go|Rust or C|Python or C]: what is Hearth [written|made] in?",
    ],
    "trained": [
        "[what|which data|which texts] [were you trained on|did you learn from|is your training data|have you read|taught you|are you trained with]?",
        "[where|from what] [does your knowledge|did your training data|do your texts] come from?",
        "[did you|were you] [read|use|learn from|trained on|see] [the internet|books|Wikipedia|web pages|private chats|my data|Reddit|code|"
        "real people's texts|copyrighted texts]?",
        "[training|training data|your data|data set|corpus][| please|, what was it|, from where|?]",
        "[how|on what|when] [were|was] [you|the demo model] [trained|made|taught]?",
    ],
    "wrong": [
        "[are|can|could|may] you [be mistaken|be wrong|make mistakes|err|fail|hallucinate|invent things|lie|make errors]?",
        "[can|should|may] I [trust|believe|rely on] [you|your answers|what you say]?",
        "[how|are you] [reliable|accurate|often wrong|good|sure|certain|exact] [are you|are your answers|]?",
        "[accuracy|error rate|reliability|quality|mistakes][| of your answers| please|?]",
        "[is|are] [your answer|your answers|what you say] [always right|correct|true|certain|reliable|safe to use]?",
        "[do|did] you [make mistakes|get things wrong|invent facts|guess|make it up]?",
    ],
    "hello": [
        "[hi|hello|hey|hallo|hullo|heya|hiya|yo|oi|aloha|hola|servus|ahoy|hey hey|well hello|oh hi|hi hi|ello|helo|hai] [there|you|all|mate|pal|buddy|"
        "bot|computer|stranger|machine|dear model|my friend|sir|Hearth|again|everyone|folks|team|]",
        "[good|a good|a very good|a wonderful|a lovely] [morning|evening|afternoon|day] [to you|Hearth|all|bot|everybody|from {city}|sir|]",
        "[morning|evening|afternoon|g'day|mornin|good mornin|top of the morning|rise and shine|wakey wakey] [mate|Hearth|all|to you|]",
        "[hi|hello|hey], [my name is|I'm|I am|this is|it is|here is] {first}",
        "{first} here[, hi|, hello|, hey]",
        "[anybody|anyone|somebody|someone|are you] [home|there|here|awake|online|around|listening]?",
        "[test|testing|mic test|check|one two|ping|knock knock|beep|is this on|can you hear me|line check|sound check]",
        "[nice|pleased|glad|good] to [meet|see] you",
        "[hi|hello|greetings|regards] from [{city}|{first}|me|the office|all of us]",
        "[I am|I'm] [back|here|new here|online|up]",
    ],
    "how": [
        "[how|so how|and how|hey, how|hi, how] [are|r] [you|ya|u|things|we] [doing|today|now|feeling|getting on|this evening|then|]?",
        "[how's|hows|how is] [life|it going|everything|your day|your week|your morning|business|work|the mood|your night|it hanging]?",
        "[are you|you|r u] [ok|okay|fine|well|alright|happy|good|tired|busy|in a good mood|feeling well|doing fine] [today|now|there|]?",
        "[all|everything] [good|well|fine|ok|okay|alright|in order|under control] [there|with you|today|over there|]?",
        "[had|did you have|have you had|having] a [good|nice|busy|long|quiet|pleasant] [day|night|morning|week|weekend|evening] [so far|]?",
        "[busy|long|good|quiet|hard|nice] [day|night|morning|week|shift] [for you|so far|today|]?",
        "[feeling|doing] [well|fine|good|ok|better]?",
        "hope [all is well|you're fine|you slept well|your day is good|things are good]",
    ],
    "thanks": [
        "[thanks|thank you|thx|ty|tysm|cheers|many thanks|thanx|thank u|tnx|merci|danke] [for that|a lot|so much|a bunch|very much|for the help|"
        "for the info|for the answer|mate|again|kindly|for your time|for everything|]",
        "[great|good|nice|lovely|excellent|brilliant|fine|super|perfect|awesome|ok|well done], [thanks|thank you|thx|cheers|much obliged]",
        "[that|this|it] [helps|helped|worked|was great|did it|is useful|is what I wanted|was quick], [thanks|thank you|cheers|thx]",
        "[much|greatly|really] [appreciated|obliged]",
        "I [am grateful|am obliged|thank you|owe you one|appreciate that|appreciate it]",
        "[you|that] [saved me|saved my day|helped a lot|were a great help|did great], [thanks|thank you]",
        "[very|so|too] [kind|nice|helpful] of you",
        "[my|our] [thanks|gratitude]",
    ],
    "bye": [
        "[bye|goodbye|good bye|bye bye|ciao|adios|farewell|so long|cheerio|ta ta|adieu|tschuess|laters|later|cu|cya|see ya|see you|see u|catch you|"
        "catch ya|meet you|talk to you|talk to ya|speak to you] [later|soon|tomorrow|then|around|on {weekday}|next week|next time|in the morning|"
        "after lunch|after work|tonight|again soon|on the other side|Hearth|mate|all|for now|]",
        "[have|enjoy] [a|your|the] [nice|good|great|lovely|pleasant] [day|evening|weekend|night|week|rest of the day|holiday]",
        "[I|I really|ok I|sorry I] [have to go|must go|must leave|need to run|need to go|have to run|am leaving|am going|am off|got to go|"
        "gotta run] [now|home|to bed|to work|]",
        "[good|sweet|have a good] [night|dreams|rest|sleep]",
        "[that's|that is|this is|that was] [all|it|everything] [for today|for now|from me|folks], [bye|goodbye|see you|ciao]",
        "[I'm|I am] [off|out|done for today|leaving|going to bed|logging out|done here]",
        "[take care|be well|keep well|stay safe|all the best|until then|until tomorrow|over and out|end of chat|logging out|closing the chat|"
        "we are done]",
    ],
}

# in a word or two; the first ones are commands
COMMAND = {
    "serve": "serve",
    "chat": "chat",
    "keys": "keys",
    "report": "report",
    "explain": "explain",
    "config": "check",
}
ABOUT = {
    "who": (
        "yourself|your name|your size|your maker|your version|your parameters|your identity|the model that answers|the bot I talk to|this model|"
        "the demo model itself|who made you|your company|your origin"),
    "can": (
        "your skills|your tasks|your abilities|what you can do|what you are for|your features|what to ask you|your limits and tasks|"
        "the tasks of the demo model|your repertoire|what works with you"),
    "hearth": (
        "Hearth|the gateway|this software|the purpose of Hearth|the idea behind Hearth|this project|what Hearth does|the benefits of Hearth|"
        "what Hearth is for"),
    "add": (
        "adding a model|another model|a bigger model|my own model|GGUF files|installing models|downloading a model|a real model|"
        "replacing the demo model|model files|the engine.models setting"),
    "route": (
        "routing|the routing|the router|how a target is picked|the choice of a target|routing rules|routing decisions in general|the way of a request|"
        "how requests find a target|the cheapest target"),
    "private": (
        "privacy|data protection|the safety of my data|private data|confidential texts|secrets in prompts|security|what happens to secrets|"
        "sensitive data|my private messages|data leaving my machine|protection of secrets"),
    "logs": (
        "the logs|logging|log files|prompts in logs|what is logged|logging of prompts|what gets written to the log|the log and my prompts|"
        "keys in the log|prompts on disk"),
    "explain": (
        "the reason for a route|why it went to the cloud|the explanation of a decision|the reason for a decision|why a target was taken|"
        "a decision that I do not understand|the why of a route"),
    "report": (
        "costs|my costs|spending|the ledger|the cost of my requests|usage|usage and costs|what I spent|how long requests took|statistics|"
        "the bill so far"),
    "config": (
        "the config|the configuration|the settings|settings|the YAML file|config files|configuring Hearth|validation of the config|checking the config|"
        "the configuration format|starting without a config"),
    "port": (
        "the port|the address|the host|the default port|the base URL|the listening address|where Hearth listens|the endpoint's address|"
        "localhost and port|the URL of the server"),
    "api": (
        "the API|the endpoints|OpenAI compatibility|using the OpenAI SDK|connecting an app|existing apps|the interface for apps|SDKs|chat completions|"
        "calling Hearth from code|streaming from my app"),
    "serve": (
        "starting Hearth|starting the server|running Hearth|launching the gateway|how to boot Hearth|the start command|how to get it running"),
    "chat": (
        "chatting in the terminal|terminal chat|the console chat|chat without an app|talking to a model from a shell|the command line chat|"
        "an interactive session"),
    "keys": "API keys|keys for apps|creating a key|revoking a key|key management|access keys|a key for my app|deleting keys|making keys",
    "license": (
        "the licence|the license|licensing|open source|the price of Hearth|commercial use|what Hearth costs to use|copyright|the terms of use|free use|"
        "money: does Hearth cost any"),
    "language": (
        "the programming language|the language of the source|the code's language|the implementation language|what Hearth is coded in|"
        "the source code language|C or Rust"),
    "trained": (
        "your training|your training data|your sources|what you learned from|the data behind you|your education|the texts you learned|"
        "how you were trained|your corpus"),
    "wrong": (
        "your mistakes|your errors|your error rate|your accuracy|your reliability|how often you are wrong|trusting you|your quality|how right you are|"
        "mistakes you make|how good your answers are|your failures"),
}


def _topic(rng, name):
    if name in COMMAND and rng.random() < 0.4:
        word = COMMAND[name]
        it = rng.choice([f"hearth {word}", f"`hearth {word}`", f"the {word} command", f"the {word} subcommand", f"the command {word}", f"hearth's {word} command", f"{word} (the command)"])
        return rng.choice([f"what does {it} do", f"what does {it} print", f"what does {it} show", f"what does {it} tell me", f"what is {it} for", f"what is {it}", f"how do I use {it}",
                           f"how does {it} work", f"when do I need {it}", f"explain {it}", f"describe {it}", f"{it}, what for", f"{it}, how", f"usage of {it}", f"help on {it}",
                           f"why would I run {it}", f"is there {it}", f"tell me about {it}", f"what happens with {it}"]) + rng.choice(["?", "", " please", " exactly?"])
    it = rng.choice(ABOUT[name].split("|"))
    return rng.choice(["tell me about %s", "what about %s?", "say something about %s", "info on %s", "%s please", "%s?", "%s", "explain %s", "I want to know about %s", "I have a question about %s",
                       "question: %s", "what can you say about %s?", "how is it with %s?", "I'd like to hear about %s", "details on %s", "more on %s", "can you explain %s?", "describe %s",
                       "anything on %s?", "I wonder about %s", "a word on %s", "how about %s?", "what is known about %s?", "hey, %s?", "my question is about %s", "inform me about %s"]) % it


def line(rng, name):
    """A line for the entry `name` of about.json (with choices), or None if there is none."""
    lines = list(MORE.get(name, []))
    if name in ABOUT and rng.random() < 0.3:
        return _topic(rng, name)
    if name in TERM and rng.random() < 0.5:
        tail = rng.choice(["", "", "?", " in Hearth", " in Hearth?", " please", ", please", " to me", " for beginners", " exactly", " here", " again"])
        return rng.choice([WHAT + " " + TERM[name] + tail, WHAT + " " + TERM[name] + tail, TERM[name] + rng.choice(["?", "", ", what is that?", ": meaning?", ", explain", " - what's that", " meaning", " in one sentence", ", tell me more"])])
    return rng.choice(lines) if lines else None
