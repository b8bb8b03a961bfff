"""Everyday requests, put together from phrases written for Hearth: `tasks.py > TASKS.jsonl`.

One JSON object a line: {"text", "task", "effort", "pattern"}. Public benchmarks hold few requests of the kind that
most traffic consists of (rewrite this, summarise that), so the scorer learns from these as well. `effort` in
[-1,1] is our judgement of how much such a request asks of a model; `pattern` names the phrase, so that
held-out figures can be made on phrases that were not trained on. Deterministic.
"""
import json
import random

TOPICS = ["the office move", "our spring catalogue", "a coffee machine", "bicycle insurance", "the new intern",
          "a delayed parcel", "solar panels", "a bakery", "the quarterly meeting", "a hiking trip", "tax forms",
          "a broken printer", "the school garden", "a rented flat", "wind turbines", "the choir rehearsal",
          "a used car", "the staff canteen", "a chess club", "water quality", "a museum visit", "night trains",
          "a football match", "the harbour", "winter tyres", "a podcast", "the library", "electric scooters",
          "an airline ticket", "beekeeping", "a mobile contract", "the town council"]

PASSAGES = [
    "The delivery was planned for Tuesday, but the driver could not find the entrance and left again. The customer called "
    "twice and was promised a new date. Nobody wrote it down.",
    "We met in the large room on the second floor. Marta presented the numbers of the last quarter, which were better "
    "than expected. Tom asked for two more weeks, and the group agreed.",
    "The battery lasts about nine hours and the screen is bright enough for the garden. The keyboard feels cheap, though, and the "
    "fan is loud whenever a video is playing.",
    "Our museum opens at ten. Groups of more than fifteen people should book a week ahead. The café on the ground floor is "
    "closed on Mondays, and dogs have to wait outside.",
    "Rain fell for six days, and the river rose by almost two metres. Volunteers filled bags with sand through the night; by "
    "morning the old bridge was still dry.",
    "Dear team, the heating in building C will be switched off on Friday from seven to eleven. Please close all windows and "
    "take your plants home if they do not like the cold.",
    "I bought these shoes in March and the sole came off in June. The shop says that this is wear. I think it is a fault, and I would "
    "like my money back.",
    "The committee looked at four offers. The cheapest had no guarantee, the second could not start before autumn, and the "
    "others were much the same. A decision was put off until May.",
    "Anna grew up by the sea, studied in Lyon and has lived in Oslo since 2014. She works as an engineer for a company that "
    "builds ferries and sings in two choirs.",
    "Invoice 4711 of 3 April: 12 chairs at 89 euros each, two tables at 240 euros, delivery free. Payable within 30 days.",
    "The recipe needs three eggs, a cup of flour, a little salt and as much milk as it takes. Let the batter rest before you "
    "bake thin pancakes in butter.",
    "He said he would come, she said he would not, and in the end the whole street was waiting at the window when the taxi "
    "stopped and nobody got out.",
]

SHORT = ["The soup was cold and the waiter was rude.", "Great value, I would buy it again!", "It arrived on time.",
         "I cannot log in since yesterday.", "Where is my refund?", "The room was small but very clean.",
         "Your app crashes when I open the map.", "Thank you for the quick help.", "I want to cancel my contract.",
         "The colour is different from the picture."]

LANGUAGES = ["German", "French", "Spanish", "Italian", "Polish", "Dutch", "Japanese", "Portuguese", "Turkish", "English"]

# {t} topic, {p} passage, {s} short text, {l} language, {c} country, {w} thing, {n} and {m} numbers
PATTERNS = {
    "chat": (-0.7, [
        "Hi there, how are you doing today?", "Good morning! I am a bit tired, and you?", "Tell me a joke about {t}.",
        "I had a long day because of {t}.", "Do you like talking about {t}?", "Thanks, that was helpful. See you tomorrow!",
        "Who are you and what can you do?", "Let's just chat a little about {t}.", "My weekend was nice, we talked about {t}.",
        "I feel lonely today, talk to me.", "What is your favourite thing about {t}?", "Nice to meet you! My name is Kim.",
        "Hallo, wie geht es dir heute?", "Bonjour, comment vas-tu aujourd'hui ?", "Hola, ¿qué tal estás hoy?",
        "You are funny. Say something nice about {t}."]),
    "classification": (-0.5, [
        "Is the following review positive, negative or neutral? {s}", "Classify this message as billing, bug or other: {s}",
        "Label the sentiment of this sentence: {s}", "Which category fits best: complaint, question, praise? {s}",
        "Is this spam? Answer yes or no. {s}", "Decide whether the text is about sports, politics or business.\n{p}",
        "Assign one of the topics [travel, food, work, home] to this text: {p}", "Rate the urgency of this ticket as low, "
        "medium or high: {s}", "What language is this text written in? {p}", "Does the customer sound angry? Answer with one word. {s}",
        "Ist diese Bewertung positiv oder negativ? {s}", "Classe ce message : facture, panne ou autre. {s}",
        "Tag the following text with exactly one label from: news, story, notice.\n\n{p}", "Categorize this e-mail: {p}",
        "Sort the message into the right department (sales, support, legal): {s}"]),
    "extraction": (-0.4, [
        "Extract all names and dates from this text: {p}", "List every number that appears in the following text.\n{p}",
        "Pull out the invoice number, the total and the due date as JSON: {p}", "Who is mentioned in this text? {p}",
        "Return the places named in the text as a list. {p}", "Find all e-mail addresses in the text below.\n{p}",
        "From the notes, extract the action items with their owners:\n{p}", "Which products and prices are named? {p}",
        "Fill this JSON from the text: {{\"name\": ..., \"city\": ..., \"year\": ...}}\n{p}", "Get the opening hours out of this text: {p}",
        "Nenne alle Namen und Orte, die im Text vorkommen: {p}", "Extrais les dates et les montants du texte : {p}",
        "Identify the key entities (people, organisations, places) in: {p}", "Give me just the phone numbers in this message. {p}"]),
    "summarisation": (-0.3, [
        "Summarise the following text in one sentence: {p}", "Summarize this in three bullet points.\n\n{p}",
        "TL;DR: {p}", "Give me a short summary of this e-mail: {p}", "What are the main points of this text?\n{p}",
        "Condense this to at most twenty words: {p}", "Write an abstract of the text below.\n{p}", "Shorten the minutes to the essentials: {p}",
        "Sum up what happened: {p}", "Fasse den folgenden Text kurz zusammen: {p}", "Résume ce texte en deux phrases : {p}",
        "Resume el siguiente texto en una frase: {p}", "Briefly, what is this about? {p}", "Make a headline for this text: {p}"]),
    "translation": (-0.3, [
        "Translate to {l}: {s}", "Translate the following text into {l}.\n\n{p}", "How do you say \"{s}\" in {l}?",
        "Please give me the {l} version of this: {p}", "Put this into {l}, formal tone: {p}", "What does this mean in {l}? {s}",
        "Übersetze ins Englische: {s}", "Übersetze den folgenden Text ins Französische: {p}", "Traduis en anglais : {s}",
        "Traduce al inglés: {s}", "I need this message translated from English to {l}: {s}", "{l} translation please: {s}",
        "Translate this sentence word by word into {l}: {s}", "Localise this notice for {l} readers: {p}"]),
    "rewriting": (-0.3, [
        "Rewrite this more politely: {s}", "Make this text sound more formal: {p}", "Fix the grammar and spelling: {p}",
        "Rephrase the following in simple words.\n{p}", "Turn these notes into a friendly e-mail: {p}", "Correct the mistakes in this sentence: {s}",
        "Improve the style of this paragraph without changing its meaning: {p}", "Shorten this reply and make it warmer: {s}",
        "Proofread this text: {p}", "Paraphrase: {p}", "Change this text to the past tense: {p}", "Formuliere das höflicher: {s}",
        "Corrige les fautes dans ce texte : {p}", "Polish this message before I send it: {s}", "Rewrite it in the active voice: {p}"]),
    "code": (0.3, [
        "Write a Python function that reads a CSV file about {t} and prints the totals per month.",
        "Fix this bug: TypeError: 'NoneType' object is not subscriptable in my script for {t}.", "Write a SQL query that lists customers without orders.",
        "Explain what this regular expression does: ^[a-z]+\\d{{2,}}$", "Implement a queue with two stacks in C.",
        "Write unit tests for this function:\n```python\ndef add(a, b):\n    return a + b\n```", "How do I sort a list of objects by date in JavaScript?",
        "Convert this bash loop to PowerShell:\n```bash\nfor f in *.txt; do echo $f; done\n```", "Why does my Docker container exit with code 137?",
        "Refactor this class so that it can be tested.\n```java\npublic class Shop {{ private Db db = new Db(); }}\n```",
        "Schreibe eine Funktion in Python, die Duplikate aus einer Liste entfernt.", "Écris un script bash qui renomme tous les fichiers.",
        "Write a Rust program that serves {t} data over HTTP with graceful shutdown.", "Create a React component with a search box for {t}.",
        "My git rebase has conflicts, how do I abort it?", "Design a lock-free ring buffer in C with one producer and many consumers, and prove that it is safe."]),
    "math": (0.3, [
        "What is 17 times 23?", "Solve for x: 3x + 7 = 31", "A train takes 3 hours for 240 km. How long does it need for 400 km?",
        "Compute the integral of x^2 sin(x).", "What is the probability of two sixes in four throws of a die?",
        "Find the derivative of ln(x^2 + 1).", "If {t} costs 48 euros after a discount of 20 percent, what was the price before?",
        "How many ways are there to seat 6 people at a round table?", "Prove that the square root of 2 is irrational.",
        "Berechne den Flächeninhalt eines Kreises mit Radius 5.", "Combien font 15 % de 360 ?", "Show that every finite group of prime order is cyclic.",
        "Tom has 12 apples and gives a third to Eva, who eats two. How many are left with Eva?", "What is the determinant of [[1,2],[3,4]]?"]),
    "reasoning": (0.5, [
        "Anna is taller than Ben, Ben is taller than Cem. Who is the shortest? Explain step by step.",
        "Compare three ways of financing {t} and recommend one, with the risks of each.", "What would happen if {t} had never existed? Reason carefully.",
        "Three boxes are labelled wrongly. You may draw one ball. How do you find out what is in each?",
        "Plan the project of {t} over six months with dependencies, budget and fallback options.",
        "Find the flaw in this argument: all birds fly, penguins are birds, so penguins fly.",
        "Given these facts, which suspect is lying, and why? {p}", "Weigh the arguments for and against {t} and come to a decision.",
        "Design an experiment that tells whether {t} really improves health, and discuss what could mislead it.",
        "If all A are B and some B are C, are some A necessarily C? Justify.", "Analyse the root cause of this incident and propose measures: {p}",
        "Warum könnte dieser Plan scheitern? Begründe Schritt für Schritt: {p}",
        "Work out a negotiation strategy for {t}, considering what the other side knows and wants."]),
    "creative": (-0.1, [
        "Write a poem about {t}.", "Write a short story in which {t} changes everything.", "Invent five names for a company around {t}.",
        "Write a slogan for {t}.", "Compose a birthday speech that mentions {t}.", "Continue this story: {p}",
        "Write a haiku about {t}.", "Describe {t} as if you were a pirate.", "Draft a cheerful blog post about {t}.",
        "Schreibe ein Gedicht über den Herbst.", "Écris une petite histoire sur un chat.", "Escribe un cuento corto sobre el mar.",
        "Write the lyrics of a song about {t}.", "Create a dialogue between two old friends about {t}.", "Pretend to be a dragon and tell me about {t}."]),
    "qa": (-0.4, [
        "What is the capital of Australia?", "Who wrote Don Quixote?", "How tall is Mount Kenya?", "When did the Berlin Wall fall?",
        "What is the difference between weather and climate?", "How does a heat pump work?", "What should I know about {t}?",
        "How long do eggs keep in the fridge?", "Which vitamins are in carrots?", "Was ist die Hauptstadt von Kanada?",
        "Qui a peint la Joconde ?", "¿Cuál es el río más largo de Europa?", "Explain in simple terms what inflation is.",
        "Why is the sky blue?", "What does HTTP stand for?", "How much does {t} usually cost?", "Where can I find information on {t}?",
        "According to this text, what was decided? {p}", "Is {t} allowed on Sundays?"]),
}

# Phrases whose effort is not that of their task: easy sums, and work that takes an expert.
OTHERS = {
    "math": [(-0.3, "What is {n} plus {m}?"), (-0.3, "How much is {n} percent of {m}?"), (1.0, "Prove that there are infinitely many primes "
             "of the form {n}k + 1, and state every lemma that you use."), (1.0, "Derive the closed form of the recurrence "
             "T(n) = {n} T(n/2) + n log n, and justify each step rigorously."), (1.0, "Show that a continuous function on a compact "
             "metric space is uniformly continuous."), (1.0, "Solve the differential equation y'' + {n}y' + {m}y = sin(x) and "
             "analyse the stability of its solutions."), (0.9, "Find all integer solutions of x^2 - {n}y^2 = 1 and explain why there are no others.")],
    "code": [(-0.1, "How do I print a line in Python?"), (-0.1, "What is the command to list files in Linux?"), (1.0, "Design and implement a "
             "distributed rate limiter for {t} across several regions, and analyse its failure modes."), (1.0, "Our service for {t} deadlocks under load. "
             "Diagnose the concurrency problem, propose a fix and prove that it cannot deadlock."), (1.0, "Implement a B-tree with "
             "concurrent readers, crash recovery and tests, and discuss its complexity."), (1.0, "Migrate this monolith for {t} to an event-driven "
             "architecture without downtime; give the schema, the code and the rollback plan."), (1.0, "Write an optimising compiler pass for "
             "loop-invariant code motion on SSA form, with a proof of its correctness.")],
    "reasoning": [(1.0, "Evaluate the legal, financial and technical risks of {t} in three jurisdictions and recommend a strategy with "
                  "contingencies."), (1.0, "Two studies on {t} disagree. Compare their methods, find the confounders and design a study that "
                  "would settle the question."), (1.0, "Model the market for {t} as a game with {n} players, find its equilibria and discuss how "
                  "regulation changes them."), (1.0, "Critically evaluate the evidence for and against this hypothesis and quantify the uncertainty: {p}")],
    "qa": [(-0.6, "What is the capital of {c}?"), (-0.6, "Who was the first president of {c}?"), (-0.6, "How many people live in {c}?"),
           (-0.5, "What does the word {w} mean?"), (-0.5, "When was {w} invented?"), (-0.5, "Explain {w} to a five year old."),
           (-0.5, "What is {w}?"), (-0.5, "Why do people like {t}?"), (0.9, "How do thermodynamic and kinetic control explain the product "
           "distribution of this reaction, and what would change it?"), (0.9, "What are the implications of quantum entanglement for the "
           "security of current cryptography?")],
}
COUNTRIES = ["France", "Peru", "Kenya", "Japan", "Canada", "Norway", "Chile", "Egypt", "Poland", "India"]
WORDS = ["inflation", "gravity", "photosynthesis", "a mortgage", "the stock market", "a black hole", "democracy", "radar", "yeast",
         "a transistor", "osmosis", "the printing press"]
ROUNDS = 24


def phrases():
    for task, (effort, patterns) in PATTERNS.items():
        for number, pattern in enumerate(patterns):
            yield task, effort, pattern, "%s-%d" % (task, number)
    for task, patterns in OTHERS.items():
        for number, (effort, pattern) in enumerate(patterns):
            yield task, effort, pattern, "%s-other-%d" % (task, number)


def main():
    rng = random.Random(20)
    seen = set()
    for task, effort, pattern, name in phrases():
        for _ in range(ROUNDS):
            text = pattern.format(t=rng.choice(TOPICS), p=rng.choice(PASSAGES), s=rng.choice(SHORT),
                                  l=rng.choice(LANGUAGES), c=rng.choice(COUNTRIES), w=rng.choice(WORDS),
                                  n=rng.randrange(2, 90), m=rng.randrange(2, 90))
            if text in seen:
                continue
            seen.add(text)
            print(json.dumps({"text": text, "task": task, "effort": effort, "pattern": name}, ensure_ascii=False))


if __name__ == "__main__":
    main()
