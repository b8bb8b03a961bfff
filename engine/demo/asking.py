"""Questions about Hearth in many more words than the lists have. Only for training, as in grammar.py: a line that is held
out is never made. [a|b] is one of these.
"""
import functools
import re

import greeting
import grammar

WHAT = (
    "[what is|what's|what do you mean by|what is meant by|define|explain|describe|tell me about|I don't get|meaning of|what about|please explain|"
    "can you explain|could you tell me what is|help me understand|a word about|info on|remind me what is|so what is|what exactly is|who can explain|"
    "in short, what is|briefly:|your definition of|I'd like to know about|I read about|I want to understand|give me the idea of|what does Hearth call|"
    "how would you define|how do you explain|what should I know about|where can I read about|teach me]")
TERM = {
    "sensitivity": (
        "[sensitivity|the sensitivity|sensitivity levels|sensitivity of a prompt|a request's sensitivity|the sensitivity of my data|"
        "the four sensitivity levels|the privacy level|public and internal|confidential requests|the restricted level|an internal request|"
        "a public request|the sensitivity scale|privacy classes|the word sensitivity|the term sensitivity]"),
    "clearance": (
        "[clearance|the clearance|clearances|a target's clearance|clearance of a model|the clearance level|the clearance limit|the clearance field|"
        "clearance: internal|a clearance of confidential|the word clearance|"
        "the term clearance|clearance in the config]"),
    "complexity": (
        "[complexity|the complexity|complexity scores|a request's complexity|complexity 0.5|a complexity of 0.9|the complexity rank|"
        "the difficulty of a request|the difficulty score|the number for difficulty|the word complexity|the term complexity|"
        "the complexity of a prompt|the rank between 0 and 1]"),
    "capability": (
        "[capability|the capability|capabilities of a target|a target's capability|capability 0.4|a capability of 0.8|the capability of my model|"
        "the strength of a model|the capability field|the word capability|the term capability|"
        "capability per task|model strength]"),
    "zones": (
        "[a zone|zones|the zones|Hearth's zones|the device zone|the premises zone|the cloud zone|premises|device and cloud|the three zones|"
        "zone: premises|the zone of a target|the word zone|the term zone|on premises|device, premises, cloud]"),
    "target": (
        "[a target|targets|the target|Hearth's targets|a cloud target|a local target|the word target|the term target|targets in the config|"
        "the target list|a place to serve requests|the kinds of target|an engine target|a remote target]"),
}
MORE = {
    "sensitivity": [
        "how [private|secret|sensitive] is [a request|a prompt|my text]?",
        "[levels|grades|steps|classes|kinds] of [sensitivity|privacy|secrecy]",
        "are there [levels|classes|grades] of [privacy|sensitivity]?",
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
        "does [a hard prompt|a difficult question] [get|have] a [higher|bigger] [score|complexity|number]?",
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
        "is [the cloud|a server in my office|my laptop|my own machine] a zone?",
        "[list|name|enumerate|count] [the|all|your] zones",
        "[device|premises|cloud], [what is that|what does it mean|is that a zone]?",
    ],
    "target": [
        "[which|what|how many] [kinds|types|sorts] of target[s|] [are there|exist|do you have|does it know]?",
        "[is|can] [a model|an engine|a server|my GPU box|OpenAI|another server] [be|] a target?",
        "[where|by whom|by what] [is a request|are requests|are my prompts] [served|answered|handled]?",
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
        "[how|why|when] [is a request|are requests|are my prompts] [routed|sent somewhere|distributed|assigned|directed]?",
        "[when|why] does [a request|my prompt|it] go to [the cloud|a local model|another server|the cheapest target]?",
        "[does|will] Hearth [take|use|prefer|pick] the [cheapest|best|nearest|fastest] [target|model]?",
    ],
    "private": [
        "[is [my text|my data|my password|my card number|what I write]|are [my prompts|my files|private things|secrets|my documents]] [safe|secure|protected|kept here]?",
        "will [my text|my data|my prompts|my files|private things|secrets|my password|my card number|personal data] be [safe|secure|"
        "protected|kept here|shared|leaked|uploaded|sent away|sold]?",
        "[does Hearth|do you|does it|will Hearth|will it|can it|can Hearth|does the gateway] [upload|share|leak|send|give away|sell|keep safe|protect|forward] [my data|my text|"
        "private data|secrets|what I type|confidential texts|my prompts]?",
        "[what happens|what is done] [to|with] [private|confidential|restricted|secret|sensitive] [data|texts|requests|prompts|messages]?",
        "[who|which models|which servers] [reads|sees|gets|may read] [my text|my prompts|private requests|what I write]?",
        "[what if|what happens when] [no target is allowed|nothing is cleared|no target has the clearance|all targets are in the cloud]?",
        "[privacy|data protection|security|confidentiality|secrecy][| please|, how| of my data|: how is it handled]",
        "[how|in what way] [is privacy|are secrets|is private data|is my data] [protected|handled|kept|guarded|ensured|treated]?",
    ],
    "logs": [
        "[do you|does Hearth|do the logs|do log files|does it|will you|will Hearth] [log|keep|record|contain|store|save|hold] [prompts|my prompts|what I type|keys|"
        "passwords|my text|secrets|messages]?",
        "[what|which things] [is|are|gets|get] [logged|in the log|written to the logs|recorded|stored]?",
        "[is|will] [my question|my prompt|this chat|the text|my key|anything I say] [be|] [logged|recorded|in the log|kept in a log|saved to the log]?",
        "[prompts|keys|secrets|found values] in [the log|the logs|log files]?",
        "[logging|the log|logs][| of prompts|, what is in them|: are prompts there|, any secrets]?",
    ],
    "explain": [
        "[why|how come|for what reason] was [this target|that model|the cloud|this model|it] [chosen|picked|used|taken|selected]?",
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
        "is [a config|a YAML file|the config] [needed|required|a must|optional]?",
        "[can|does] [Hearth|it] [start|run|work] without [a config|any config|settings|a YAML file]?",
        "[configure|set up|configuring] [Hearth|the gateway], how?",
        "[is my config|are my settings] [valid|right|correct|ok]?",
    ],
    "port": [
        "[which|what] [port|address|host|URL|IP] [does it|does Hearth|do you|does the server|does the gateway] [use|listen on|bind|open|have|"
        "run on] [by default|]?",
        "[where|at what address|on which port] [does|will] [Hearth|the server|the gateway|it] listen?",
        "[where|at what address|on which port] [can I find|do I reach|do I find|can I reach] [Hearth|the server|the gateway|it|the endpoint]?",
        "[where|at what address|on which port] is [Hearth|the server|the gateway|it] running?",
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
        "does [it|Hearth|the API] [support streaming|work with my app|speak OpenAI|follow OpenAI]?", "is [it|Hearth|the API] [OpenAI compatible|like OpenAI's|REST|compatible with my app]?",
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
        "is [Hearth|it|the code|the demo model|this software|the gateway] [free|open source|free software|Apache|GPL|MIT licensed|proprietary|"
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
        "[can|could|may|do] you [make mistakes|err|fail|hallucinate|invent things|lie|make errors]?", "[can|could|may] you be [mistaken|wrong]?",
        "[can|should|may] I [trust|believe|rely on] [you|your answers|what you say]?",
        "how [reliable|accurate|good|sure|certain|exact] are [you|your answers]?", "are you [reliable|accurate|often wrong|sure|certain|exact]?",
        "[accuracy|error rate|reliability|quality|mistakes][| of your answers| please|?]",
        "[is your answer|are your answers|is what you say] [always right|correct|true|certain|reliable|safe to use]?",
        "[do|did] you [make mistakes|get things wrong|invent facts|guess|make it up]?",
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


# what one may want to do: verbs, and what is done
DO = {
    "add": ["[add|install|load|plug in|set up|register|configure|use|run|try|get|bring in|connect|put in|include|integrate|import|mount|hook up|switch to|move to|change to|upgrade to|"
            "download and add|bring along|employ] [a model|another model|a second model|a real model|a proper model|a bigger model|a better model|a larger model|a smarter model|a stronger model|"
            "my own model|my model|a GGUF file|a GGUF model|a model file|my GGUF|a local model|new models|more models|other models|Llama|Mistral|Qwen|Gemma|a 7B model|a 70B model|a good LLM|"
            "another LLM|an open model|a model from my disk|a downloaded model|a fine-tuned model|my own weights]",
            "[replace|swap|exchange|swap out|get rid of|upgrade|substitute] [the demo model|this model|you|the small model|the tiny model|the built-in model|this demo]"
            " [by|with|for] [a real model|a bigger one|a better one|something better|Llama|my own|a real one|another model]"],
    "route": ["[understand|follow|learn|see] [how the routing works|how routing works|how a target is chosen|where requests go|how requests are routed|the choice of a target|"
              "how Hearth picks a model|the rules of routing]"],
    "private": ["[keep|hold] [my data|private data|secrets|confidential texts|sensitive requests|personal data|my customers' data|my documents] [private|safe|out of the cloud|on my machine|in the house|local|secret]",
                "[protect|secure|guard|shield] [my data|private data|secrets|confidential texts|sensitive prompts|personal data|my customers' data]",
                "[prevent|stop|avoid] [leaks|data leaks|a leak of secrets|that my data leaves|that secrets go to the cloud|sending secrets to the cloud]"],
    "explain": ["[see|find out|know|learn|check|understand|look up|tell|figure out|be told] why [a request|my request|this request|the last request|my prompt|it] [went to the cloud|went there|was refused|was sent there|"
                "took that target|was not local|was routed like that|ended up in the cloud|used that model|was answered there]",
                "[trace|inspect|debug|explain|retrace|investigate|understand|review] [a routing decision|a decision|one request's route|the route of a request|why a request was routed so]"],
    "report": ["[see|find|get|look up|check|track|print|view|show|list|watch|monitor|sum up|know|calculate] [my costs|the costs|what I spent|what it cost|my spending|usage|my usage|the usage statistics|the cost of my requests|"
               "the money spent|how much I spent|how much requests cost|how long requests took|the ledger|the bill so far|expenses per model|where the money went|the total cost]"],
    "config": ["[configure|set up|set options of|change the settings of|adjust|customise|edit the config of] [Hearth|the gateway|it|the server]",
               "[check|validate|verify|test|lint|prove] [my config|the config|the config file|my YAML file|my configuration|the settings file|the configuration before I start]",
               "[find|write|edit|change|create|open|read] [the config|the config file|a config file|the configuration|the YAML file|the settings|the settings file]"],
    "port": ["[reach|find|open|address|locate|contact] [Hearth|the server|the gateway|the endpoint|the service] [on this machine|locally|in the browser|]",
             "[know|find out|see|look up] [the port|the default port|the address|the base URL|which port it is|on which port it listens|where it listens]"],
    "api": ["[call|use|query|access|talk to|reach|connect to|integrate] [Hearth|the gateway|the API|it] [from|in|with] [my app|my code|Python|JavaScript|Node|Java|Go|C#|curl|a script|my program|an OpenAI client|the OpenAI SDK|"
            "LangChain|my website|a notebook|my bot|existing software]",
            "[connect|hook up|point|attach|link|adapt] [my app|an app|my client|my program|my OpenAI client|an existing app|my chat app|the SDK|my code] [to|at] [Hearth|the gateway|it]",
            "use [the OpenAI SDK|the openai package|the openai library|OpenAI's client|an OpenAI compatible client|my existing OpenAI code] with [Hearth|it|the gateway]"],
    "serve": ["[start|launch|run|boot|bring up|fire up|spin up|turn on|switch on|power up|execute] [Hearth|the server|the gateway|the service|the daemon|the Hearth server|the process]",
              "get [Hearth|the server|the gateway|it all] [running|started|up|up and running|going|online|to run]"],
    "chat": ["[chat|talk|speak|have a chat|converse|have a conversation|write] [with|to] [a model|the model|you|my model|a local model] [in|from|on] [the terminal|a terminal|the shell|the console|the command line|my shell|bash|an ssh session]",
             "[chat|talk to a model|ask a model something] without [an app|a browser|a GUI|an API client|a web page|writing code]"],
    "keys": ["[create|make|get|issue|add|generate|obtain|set up|hand out|produce|mint|request] [a key|an API key|keys|API keys|a key for my app|a new key|an access key|a token for my app|a key for a client|credentials for an app|a second key]",
             "[revoke|delete|remove|withdraw|cancel|disable|block|invalidate|retire|kill|take back|rotate|renew|manage|list] [a key|an API key|keys|API keys|a leaked key|an old key|the key of an app|a stolen key|my keys|all keys]"],
    "license": ["[use|sell|change|modify|fork|share|copy|redistribute|ship|embed|bundle|resell|publish] [Hearth|the code|the demo model|this software|the gateway] [at work|in my company|in a product|commercially|for money|for free|in a closed product|legally|]"],
}
# what follows "tell me" as a clause of its own
CLAUSE = {
    "who": "[who|what] you [are|really are|actually are]|who [made|built|trained|created] you|what your name is|what kind of [model|bot|AI|machine] you are|which model [you are|I am talking to|this is|answers here]|"
           "whether you are [a bot|an AI|human|a person|ChatGPT|a real model]|how [big|large|small] you are|who I am [talking to|chatting with|speaking to]",
    "can": "what you [can|could] do|what you can do for me|what you are [good at|able to do|made for|for|useful for|capable of]|what I can ask you|how you can [help|help me|be useful]|which [tasks|jobs|questions|things] you [can do|know|handle|support|understand]",
    "hearth": "what Hearth [is|does|is for|is good for|can do]|what this [software|program|gateway|project] [is|does|is for]|why [I|people|we] [need|should use|would want] Hearth|how Hearth [helps|is useful]",
    "add": "how [another|a bigger|a real|a better] model [is added|gets in here|is installed]|where [model files|GGUF files|models] [go|belong|are put|have to be]|where to put [my GGUF file|a model file|the model]|"
           "which setting names [the model|models]",
    "route": "how [Hearth|it|the router|the gateway] [chooses|picks|selects|decides on|finds] [a target|the target|a model|the model|where to send a request]|how [routing|the routing|the router] works|how requests are [routed|sent|assigned|distributed]|"
             "what decides [where a request goes|which model answers|which target is taken]|by which rules [a target is chosen|requests are routed]",
    "sensitivity": "how [private|secret|sensitive] a request [is|can be]|what [the levels|the four levels|the sensitivity levels] are|which [levels|sensitivity levels|classes of privacy] there are|what [confidential|restricted|internal|public] means [here|in Hearth|]",
    "clearance": "what a [target|model] [may|is allowed to] [see|read|get]|which data a [target|model] may see|how much a [target|model] may [see|get|read]|what limits what a target sees|how Hearth limits what [a model|a cloud model|a target] sees",
    "complexity": "how [hard|difficult] a [request|prompt|question] is|how [difficulty|complexity] is [measured|rated|scored|computed]|what the [complexity|difficulty] [number|score|rank] [means|is|says]",
    "capability": "how [good|able|strong|capable] a [model|target] is|how Hearth [knows|rates|learns|judges] how [good|able|strong] a [model|target] is|what a [target|model] [can handle|handles well]|how models are rated",
    "zones": "where a target [is|stands|runs|lives]|which zones [there are|exist|you know|Hearth has]|what the [three zones|zones|areas] are|how many zones [there are|exist|Hearth has]|what [premises|the device zone|the premises zone|the cloud zone] means",
    "target": "where [a request|my request|a prompt] can be [served|answered|handled]|what [counts as|makes|can be] a target|which kinds of target [there are|exist]|what targets [are|can be]",
    "private": "whether my [data|texts|prompts|secrets|documents] [are|stay] [safe|private|secure|protected]|what happens [to|with] [private|secret|confidential|restricted|sensitive] [data|requests|prompts|texts]|who [sees|can see|may read|gets] my [data|prompts|texts|secrets]|"
               "whether [my data leaves|secrets leave|anything leaves] [my machine|this computer|the house]|how [Hearth|it] [protects|treats|handles] [private data|secrets|my data|confidential requests]",
    "logs": "whether [my prompts|my messages|my texts|prompts|keys|secrets|passwords] are [logged|written to the log|kept in the logs|recorded|in the log files]|what [is logged|is written to the log|the logs contain|Hearth logs|gets into the logs|stands in the log]|"
            "whether [Hearth|it|the log] [logs|records|keeps|contains] [prompts|keys|what I type|my text]",
    "explain": "why [my request|a request|it|this prompt|my prompt] [went|was sent|was routed|got sent] [to the cloud|there|to that model|to that target]|why [this model|that target|the cloud] was [chosen|used|picked|taken]|why [my request|it|a request] was [refused|not answered locally]|"
               "the reason for [the route|this route|the decision|that choice]",
    "report": "how much [I spent|I have spent|my requests cost|it cost|this has cost me|I paid|I owe so far]|what [my requests|the requests|last month's requests] [cost|have cost]|how long [my|the] requests [took|have taken]|where my requests went last [week|month]",
    "config": "where [the config|the configuration|the config file|the settings file] [is|lives|belongs|stands]|whether [my config|my YAML|the config file] is [right|valid|correct|ok]|which [format|syntax|file format] the config [has|is in|uses]|whether I need a [config|config file]",
    "port": "on which [port|address] [it|Hearth|the server|the gateway] [listens|runs|is]|which port [it|Hearth|the server] uses|where [Hearth|the server|the gateway] [listens|can be reached|is found|runs]|what the [default port|base URL|address|default address|URL] is",
    "api": "which API [Hearth|it|the gateway|the server] [has|speaks|offers|provides]|whether [Hearth|it|the API] is [compatible with OpenAI|OpenAI compatible|like OpenAI's]|whether my app [can talk to it|works with Hearth|has to change]|which [endpoints|SDKs|clients] [work|are supported|I can use]",
    "serve": "how [Hearth|the server|the gateway] is [started|launched|run]|which command [starts|runs|launches|boots] [Hearth|the server|the gateway|it]",
    "chat": "whether there is a [terminal|command line|console] chat|which command [opens a chat|starts a chat|lets me chat]|how a chat in the terminal [works|is started]",
    "keys": "where [keys|API keys] [come from|are made]|how [keys|API keys] are [made|created|revoked|managed]|which command [makes|creates|revokes|manages] [keys|API keys]",
    "license": "what the [licence|license] is|under which [licence|license] [it|Hearth|the model|the code] is|whether [Hearth|it|this software|the code] is [free|open source|free software|Apache licensed]|what [Hearth|it] costs to [use|buy|own]",
    "language": "[in which language|what language] [Hearth|it|the gateway|the engine|the code] is written in|what [Hearth|the engine|the gateway] is [written|programmed|coded] in|whether [Hearth|it] is written in [C|Rust|Go|Python|C++|Java]",
    "trained": "what you were trained [on|with]|where your [training data|training texts|knowledge|data] [comes from|was taken from]|what data you [learned from|were trained on|have seen]|how you were [trained|made]|whether you [read|learned from|were trained on] [the internet|books|Wikipedia|my data|web pages]",
    "wrong": "whether you [can be|are ever|may be|are sometimes] wrong|how [accurate|reliable|good|exact|trustworthy] you are|how often you [are wrong|make mistakes|fail|err]|whether I can [trust|believe|rely on] [you|your answers]|whether your answers are [always right|correct|true|reliable]",
}
ASK = ("[tell me|please tell me|can you tell me|could you tell me|would you tell me|can you say|I want to know|I'd like to know|I would like to know|I need to know|do you know|I wonder|I was wondering|explain|please explain|"
       "can you explain|could you explain|explain to me|let me know|I don't know|I do not understand|I don't get|I'm curious|I am curious|I ask myself|may I ask|may I know|any idea|remind me|show me|"
       "I want to understand|I'd love to hear|say|describe|you can surely tell me|my question is|the question is|I have to find out|help me understand|someone asked me|my boss asks|not sure]")
TO = ("[how do I|how do I|how can I|how could I|how should I|how does one|how do you|how do we|how would I|how to|how to|how to|how can we|where do I|where can I|can I|could I|is it possible to|is there a way to|"
      "what must I do to|what do I do to|what do I need to|what is the way to|what's the best way to|what's the easiest way to|what is the command to|which command do I use to|what steps to|"
      "I want to|I'd like to|I would like to|I need to|I have to|I must|I am trying to|I'm trying to|I try to|we want to|we need to|my boss wants to|I wish to|I plan to|help me|help me to|please help me|"
      "show me how to|tell me how to|explain how to|can you explain how to|can you tell me how to|could you show me how to|teach me how to|I don't know how to|I do not know how to|I forgot how to|no idea how to|"
      "any hint how to|instructions to|steps to|a guide to|the docs on how to|what if I want to|suppose I want to|let me|please]")
MAY = ("[may I|can I|am I allowed to|are we allowed to|is it ok to|is it legal to|do I have to pay to|could we|I want to|we want to|what must I do to|does the licence let me|is it free to|must I ask to|"
       "do I need a permission to|does it cost something to|may my company|can a firm|will I get in trouble if I]")
ABOUT_IT = ("[tell me about|tell me more about|tell me something about|what about|what can you tell me about|what can you say about|say something about|info on|information on|some information about|explain|please explain|can you explain|"
            "could you explain|I want to know about|I want to know more about|I'd like to know more about|I'd like to hear about|I have a question about|a question about|question about|question:|details on|more on|more about|describe|"
            "I wonder about|a word on|a few words on|my question is about|inform me about|it's about|it is about|let's talk about|talk about|talk to me about|give me information on|give me the facts on|help me with|help with|help on|"
            "I need help with|I need information on|I need to know about|anything on|anything about|something about|how about|how is it with|what is known about|what's the story with|what is there to know about|teach me about|"
            "brief me on|fill me in on|show me the docs on|docs on|the docs about|where do I read about|where can I read about|I am interested in|interested in|I don't understand|clarify|could you clarify|unsure about|confused about|a short answer about]")
BEFORE = ("[||||||[so|ok|okay|and|now|well|please|sorry|excuse me|pardon|hmm|um|btw|by the way|quick question|one question|a question|another question|one more thing|just curious|"
          "next question|first|then|also|ok then|ok now|hey|hi|hello|hi there|hello there|hey Hearth|hi Hearth|hello Hearth|dear Hearth|hi bot|good morning|good evening|listen|tell me|say|Hearth|"
          "I am new here|I'm new to this|new user here|beginner question|stupid question|serious question|sorry to ask|if I may ask|last question|can you help me|could you help me|I'm lost]{mark}]")
AFTER = "[|||||||| please|, please| thanks|, thanks| thank you|, thank you| exactly| in short| briefly| in one sentence| again| then| really| here| in Hearth| with Hearth| for me| now| asap| pls| plz]"
QUESTION = ("what", "how", "where", "who", "which", "why", "can", "could", "is", "are", "do", "does", "when", "may", "any", "would", "in what", "by what", "on which")


def _command(rng, name):
    word = COMMAND[name]
    it = rng.choice([f"hearth {word}", f"hearth {word}", f"`hearth {word}`", f"the {word} command", f"the {word} subcommand", f"the command {word}", f"hearth's {word} command", f"{word} (the command)"])
    return (f"[what does {it} [do|print|show|tell me|write|want]|what is {it} for|what is {it}|how do I [use|call|run] {it}|how does {it} work|when do I need {it}|explain {it}|describe {it}|"
            f"{it}, [what for|how|what is it|what does it do]|usage of {it}|help on {it}|help for {it}|why would I run {it}|is there {it}|tell me about {it}|what happens with {it}|what can {it} do|"
            f"the use of {it}|options of {it}|an example of {it}]")


def line(rng, name):
    """A line for the entry `name` of about.json (with choices)."""
    if name in greeting.MORE:
        return rng.choice(greeting.MORE[name])
    ways = [rng.choice(MORE[name])] * 3
    if name in TERM:
        ways += [WHAT + " " + TERM[name], f"what does {TERM[name]} mean", TERM[name] + "[?||, what is that?|: meaning?|, explain| - what's that| meaning| in one sentence|, tell me more| explained|, definition]",
                 f"{ASK} what {TERM[name]} [is|means]", f"{ABOUT_IT} {TERM[name]}"]
    if name in ABOUT:
        ways += [f"{ABOUT_IT} [{ABOUT[name]}]", f"[{ABOUT[name]}][?|?|| please|, please|, how?|: how does it work?|, what is it?| info|, anything?]"]
    if name in COMMAND:
        ways.append(_command(rng, name))
    if name in DO:
        ways += [f"{MAY if name == 'license' else TO} {rng.choice(DO[name])}"] * 3 + [rng.choice(DO[name])]
    ways += [f"{ASK} [{CLAUSE[name]}]"] * 2
    text = rng.choice(ways)
    if rng.random() < 0.35:
        text = BEFORE.replace("{mark}", rng.choice([",", ",", "", ":", ".", " -"])) + " " + text
    if rng.random() < 0.25 and not text.endswith("?"):
        text += AFTER.replace("| in Hearth| with Hearth", "") if "earth" in text else AFTER
    return text


def tidy(rng, text):
    """A line, its choices made, with the spaces and mostly the question mark that belong there."""
    text = re.sub(r",(?=[a-z])", ", ", re.sub(r" +([,.!?:])", r"\1", " ".join(text.split())))
    if text.split()[0] in QUESTION and text[-1].isalnum() and rng.random() < 0.6:
        text += "?"
    return text


@functools.cache
def _known():
    """The lines above, without what may stand around them."""
    parts = [line for lines in (*MORE.values(), *DO.values()) for line in lines] + list(greeting.PARTS) + [f"[{words}]" for words in (*CLAUSE.values(), *ABOUT.values())]
    return {grammar.plain(line) for part in parts for line in grammar.expanded(part)}


AROUND = re.compile("^((so|ok|okay|and|but|now|well|please|sorry|hey|hi|hello|hey hearth|quick question|question|tell me|by the way|just curious|seriously|one more thing) )+"
                    "|( (please|thanks|today|now|again|then|there|exactly|right now|really|asap))+$")


def known(text):
    """True if `text` is a question about Hearth, or a greeting, that a line above makes."""
    text = grammar.plain(text)
    return text in _known() or AROUND.sub("", AROUND.sub("", text)) in _known()
