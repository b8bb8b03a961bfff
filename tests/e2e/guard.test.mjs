/*
 * The guard, with a control. The same requests are sent to three builds:
 *
 *   hearth                  as shipped
 *   hearth_blind_router     the router is told that every target may see everything, so it chooses the cloud
 *                           first: only the permit is between a private request and the network
 *   hearth_without_permits  blind as well, and every permit is given: shows that these tests can fail
 *
 * A recorder plays the cloud (cleared for internal, cheap), another one the premises (cleared for all, dear).
 * In the first two builds nothing that was planted may be in any byte that the cloud recorder got, nor in the
 * log or the state folder; in the third the recorder must have found every single value.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { filesUnder, hearthBin, startHearth, testProgram } from './hearth.mjs';
import { codeNames, forms, haystack, isIn, kinds, marker, planted, plantedInTwo, plantedWords } from './planted.mjs';

const { startProvider } = createRequire(import.meta.url)('./provider/provider.js');
const builds = [
    { name: 'as shipped', bin: hearthBin, guarded: true },
    { name: 'router blind', bin: testProgram('hearth_blind_router'), guarded: true },
    { name: 'without permits', bin: testProgram('hearth_without_permits'), guarded: false },
];

const failures = { error500: '', reset: '', stall: '', cut: 'cut:at=token%2Cafter=0', html: '' };

function configFor(cloud, home) {
    const broken = Object.keys(failures).map((mode) => `
  - name: b-${mode}
    kind: openai
    url: ${home.url}
    zone: premises
    clearance: restricted
    deadlines: {first_byte: 300ms, idle: 300ms, total: 800ms}
    models: [{name: ${mode}, capability: 1, prices: {input: 0, output: 0}}]`).join('');
    return `
upstreams:
  - name: cloud
    kind: openai
    url: ${cloud.url}
    zone: cloud
    models: [{name: ok, capability: 1, prices: {input: 0.01, output: 0.01}}]
  - name: home
    kind: openai
    url: ${home.url}
    zone: premises
    clearance: restricted
    models: [{name: ok, capability: 1, prices: {input: 5, output: 5}}]${broken}
policy:
  dictionaries: [{name: code-names, level: confidential, file: names.txt}]
  patterns: [{name: ticket, regex: '\\bTCK-[0-9]{9}\\b', level: restricted}]
rules:
  - name: contracts-stay
    when: {text: {contains: non-disclosure}}
    raise: {sensitivity: restricted}
models:
  auto: {targets: [cloud/ok, home/ok]}
  "gpt-like-*": {route: auto}
  support: {pipeline: two-steps}
  support-cloud: {pipeline: to-the-cloud}
${Object.keys(failures).map((mode) => `  falls-${mode}: {targets: [b-${mode}/${mode}, cloud/ok]}`).join('\n')}
pipelines:
  - name: two-steps
    steps:
      - {id: notes, target: home/ok, prompt: "Notes on: {{ input }}"}
      - {id: answer, target: auto, prompt: "Answer from these notes: {{ notes }}"}
  - name: to-the-cloud
    steps:
      - {id: notes, target: home/ok, prompt: "Notes on: {{ input }}"}
      - {id: answer, target: cloud/ok, prompt: "Answer from these notes: {{ notes }}"}
`;
}

const user = (content) => ({ role: 'user', content });
const tool = (more = {}) => ({ type: 'function', function: { name: 'look_up', parameters:
    { type: 'object', properties: { q: { type: 'string' } } }, ...more } });
const call = (args, more = {}) => ({ role: 'assistant', content: null, tool_calls:
    [{ id: 'call_1', type: 'function', function: { name: 'look_up', arguments: args, ...more } }] });
const result = (content) => ({ role: 'tool', tool_call_id: 'call_1', content });
const hello = () => user(`Good morning, ${marker()}`);

/* place -> the body's fields, with the text somewhere in it */
const places = {
    system: (text) => ({ messages: [{ role: 'system', content: text }, hello()] }),
    developer: (text) => ({ messages: [{ role: 'developer', content: text }, hello()] }),
    user: (text) => ({ messages: [user(text)] }),
    assistant: (text) => ({ messages: [hello(), { role: 'assistant', content: text }, user('Go on')] }),
    earlier_user: (text) => ({ messages: [user(text), { role: 'assistant', content: 'Well.' }, user('Go on')] }),
    tool_result: (text) => ({ tools: [tool()], messages: [hello(), call('{"q":"x"}'), result(text)] }),
    tool_arguments: (text) => ({ tools: [tool()],
        messages: [hello(), call(JSON.stringify({ q: text })), result('nothing')] }),
    tool_description: (text) => ({ tools: [tool({ description: text })], messages: [hello()] }),
    tool_schema: (text) => ({ messages: [hello()], tools: [tool({ parameters: { type: 'object',
        properties: { q: { type: 'string', enum: [text, 'other'] } } } })] }),
    text_part: (text) => ({ messages: [user([{ type: 'text', text: 'Read this' }, { type: 'text', text }])] }),
    metadata: (text) => ({ metadata: { note: text }, messages: [hello()] }),
    user_field: (text) => ({ user: text, messages: [hello()] }),
    stop: (text) => ({ stop: ['###', text], messages: [hello()] }),
    unknown_field: (text) => ({ x_note: { deep: [text] }, messages: [hello()] }),
    unknown_key: (text) => ({ x_note: { [text]: 1 }, messages: [hello()] }),
    message_name: (text) => ({ messages: [{ ...hello(), name: text }] }),
    message_field: (text) => ({ messages: [{ ...hello(), x_note: { list: [text] } }] }),
    part_field: (text) => ({ messages: [user([{ type: 'text', text: 'Read this', x_note: text }])] }),
    unknown_part: (text) => ({ messages: [user([{ type: 'text', text: 'Read this' }, { type: 'x_new', x: text }])] }),
    refusal: (text) => ({ messages: [hello(), { role: 'assistant', refusal: text }, user('Go on')] }),
    tool_parts: (text) => ({ tools: [tool()], messages: [hello(), call('{"q":"x"}'), result([{ type: 'text', text }])] }),
    call_id: (text) => ({ messages: [hello(), { role: 'assistant', content: null, tool_calls: [{ id: text, type: 'function',
        function: { name: 'f', arguments: '{}' } }] }, { role: 'tool', tool_call_id: text, content: 'x' }] }),
    call_name: (text) => ({ messages: [hello(), call('{}', { name: text }), result('x')] }),
    bare_arguments: (text) => ({ messages: [hello(), call(text), result('x')] }),
    nested_arguments: (text) => ({ messages: [hello(), call(JSON.stringify({ a: JSON.stringify({ b: text }) })), result('x')] }),
    custom_call: (text) => ({ messages: [hello(), { role: 'assistant', content: null, tool_calls: [{ id: 'call_1',
        type: 'custom', custom: { name: 'f', input: text } }] }, result('x')] }),
    custom_tool: (text) => ({ tools: [{ type: 'custom', custom: { name: 'f', description: text } }], messages: [hello()] }),
    tool_name: (text) => ({ tools: [tool({ name: text })], messages: [hello()] }),
    tool_property: (text) => ({ messages: [hello()], tools: [tool({ parameters: { type: 'object',
        properties: { [text]: { type: 'string' } } } })] }),
    tool_choice: (text) => ({ tools: [tool()], messages: [hello()],
        tool_choice: { type: 'function', function: { name: text } } }),
    prediction: (text) => ({ prediction: { type: 'content', content: text }, messages: [hello()] }),
    web_search: (text) => ({ messages: [hello()], web_search_options:
        { user_location: { type: 'approximate', approximate: { city: text } } } }),
    image_url: (text) => ({ messages: [user([{ type: 'text', text: 'Read this' }, { type: 'image_url',
        image_url: { url: 'https://pictures.example/' + encodeURIComponent(text) } }])] }),
    schema_name: (text) => ({ messages: [hello()], response_format: { type: 'json_schema', json_schema:
        { name: text, schema: { type: 'object' } } } }),
    format_schema: (text) => ({ messages: [hello()], response_format: { type: 'json_schema', json_schema:
        { name: 'answer', schema: { type: 'object', description: text } } } }),
};

const longTests = { timeout: 180000 };

for (const build of builds)
    test(`the guard, ${build.name}`, longTests, async (t) => {
        const cloud = await startProvider();
        const home = await startProvider();
        t.after(() => Promise.all([cloud.stop(), home.stop()]));
        const hearth = await startHearth({ t, bin: build.bin, config: configFor(cloud, home),
            files: { 'names.txt': codeNames.join('\n') + '\n' } });
        const plants = [];
        const innocent = [];
        const headersOnly = [];
        let requests = 0;
        let logged = '';

        async function ask(body, headers = {}) {
            requests++;
            const response = await fetch(hearth.url + '/chat/completions', { method: 'POST',
                headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
            return { status: response.status, headers: response.headers, text: await response.text() };
        }

        const describe = (plant) => `${plant.kind} ${plant.form} in ${plant.place}: ${plant.value}`;

        /* Stays on the premises when it may choose, and is refused when the cloud is asked for by name. */
        async function mustStay(plant, place, fields, headers) {
            plant.place = place;
            plants.push(plant);
            const stream = plants.length % 2 === 0;
            const free = await ask({ model: 'auto', stream, ...fields }, headers);
            const named = await ask({ model: 'cloud/ok', stream: !stream, ...fields }, headers);
            if (!build.guarded)
                return;
            assert.equal(free.status, 200, `${describe(plant)}: ${free.text}`);
            assert.equal(free.headers.get('x-hearth-zone'), 'premises', describe(plant));
            assert.equal(named.status, 403, `${describe(plant)}: ${named.text}`);
            assert.equal(JSON.parse(named.text).error.code, 'policy_violation');
            assert.equal(named.headers.get('x-should-retry'), 'false');
        }

        /* Without these the rest would prove nothing: what is not private does go to the cloud. */
        async function mustGo(place) {
            const plant = { ...plantedWords(), place };
            innocent.push(plant);
            const answer = await ask({ model: 'auto', messages: [user(`Please answer ${plant.text}`)] });
            assert.equal(answer.status, 200, answer.text);
            assert.equal(answer.headers.get('x-hearth-zone'), 'cloud', describe(plant));
        }

        await t.test('what is not private goes to the cloud', () => mustGo('the beginning'));

        for (const [place, fields] of Object.entries(places))
            await t.test(place, async () => {
                for (const kind of kinds) {
                    const plant = planted(kind);
                    await mustStay(plant, place, fields(plant.text));
                }
                await mustGo(`after ${place}`);
            });

        await t.test('split over two messages', async () => {
            for (const kind of kinds) {
                const plant = plantedInTwo(kind);
                await mustStay(plant, 'two messages', { messages: plant.text.map(user) });
                const other = plantedInTwo(kind);
                await mustStay(other, 'two of four messages', { messages: [user('Hello'), user(other.text[0]),
                    { role: 'assistant', content: other.text[1] }, user('ok')] });
            }
        });

        await t.test('in large bodies', async () => {
            const filler = 'The quick brown fox jumps over the lazy dog and goes on its way. ';
            const much = filler.repeat(1600); /* 100 kilobytes: read by a work thread */
            const lines = Array.from({ length: 500 }, (_, i) => user(`Line ${i}`));
            for (const kind of ['card', 'aws', 'dictionary']) {
                for (const [where, wrap] of Object.entries({ start: (text) => `${text} ${much}`, end: (text) => much + text,
                    middle: (text) => `${much}${text} ${much}` })) {
                    const plant = planted(kind);
                    await mustStay(plant, `the ${where} of a large text`, places.user(wrap(plant.text)));
                }
                const plant = planted(kind);
                await mustStay(plant, 'many messages', { messages: [...lines, user(plant.text), ...lines] });
            }
        });

        await t.test('split over two parts', async () => {
            for (const kind of kinds) {
                const plant = plantedInTwo(kind);
                await mustStay(plant, 'two parts', { messages:
                    [user(plant.text.map((text) => ({ type: 'text', text })))] });
            }
        });

        for (const form of forms.slice(1))
            await t.test(`disguised as ${form}`, async () => {
                for (const kind of kinds) {
                    const plant = planted(kind, form);
                    await mustStay(plant, 'user', places.user(plant.text));
                }
            });

        await t.test('raised by header and by rule', async () => {
            const byHeader = plantedWords('header');
            await mustStay(byHeader, 'user', places.user(byHeader.text), { 'x-hearth-sensitivity': 'confidential' });
            const byRule = plantedWords('rule');
            await mustStay(byRule, 'user', places.user(`This non-disclosure agreement: ${byRule.text}`));
        });

        await t.test('what cannot be read', async () => {
            const plant = plantedWords('image');
            const url = 'data:image/png;base64,' + Buffer.from(plant.value).toString('base64');
            await mustStay(plant, 'image', { messages: [user([{ type: 'text', text: 'What is this?' },
                { type: 'image_url', image_url: { url } }])] });
        });

        await t.test('headers and names of models are never passed on', async () => {
            for (const kind of kinds.filter((name) => name !== 'private_key')) {
                const plant = { ...planted(kind), place: 'a header' };
                headersOnly.push(plant);
                await ask({ model: 'auto', messages: [hello()] }, { 'x-note': plant.text, 'x-hearth-session': plant.text,
                    'user-agent': plant.text, authorization: `Bearer ${plant.value}`, 'x-request-id': plant.text });
                await ask({ model: 'auto', messages: [hello()] }, { 'x-hearth-target': plant.value,
                    'x-hearth-objective': plant.value, traceparent: plant.value });
                for (const name of ['gpt-like-', '']) /* one that a pattern of the configuration takes, and none that does */
                    await ask({ model: name + plant.value, messages: [hello()] });
            }
        });

        await t.test('a failing target is not replaced by the cloud', async () => {
            for (const [mode, forced] of Object.entries(failures))
                for (const stream of [false, true]) {
                    const plant = { ...planted('card'), place: `fallback from ${mode}, ${stream ? '' : 'not '}streamed` };
                    plants.push(plant);
                    home.setMode(forced ? decodeURIComponent(forced) : mode);
                    const answer = await ask({ model: `falls-${mode}`, stream, messages: [user(plant.text)] });
                    home.setMode(null);
                    if (build.guarded)
                        assert.ok([403, 502, 503, 504].includes(answer.status),
                            `${describe(plant)}: ${answer.status} ${answer.text}`);
                }
        });

        await t.test('the steps of a pipeline', async () => {
            for (const kind of ['card', 'aws', 'dictionary'])
                for (const stream of [false, true]) {
                    const plant = { ...plantedWords(`notes on ${kind}`), place: 'a later step' };
                    plants.push(plant);
                    home.setMode(`ok:text=${encodeURIComponent(plant.value)}`, 1);
                    const free = await ask({ model: 'support', stream, messages: [user(planted(kind).text)] });
                    home.setMode(`ok:text=${encodeURIComponent(plant.value)}`, 1);
                    const named = await ask({ model: 'support-cloud', stream, messages: [user(planted(kind).text)] });
                    home.setMode(null);
                    if (!build.guarded)
                        continue;
                    assert.equal(free.status, 200, `${describe(plant)}: ${free.text}`);
                    assert.equal(named.status, 403, `${describe(plant)}: ${named.text}`);
                }
        });

        /* A conversation: the private words come first, then the client sends only what followed. */
        async function conversation(restart, stream) {
            const first = plantedWords('answer to a private turn');
            const second = plantedWords('second answer');
            const card = planted('card');
            card.place = 'the first turn';
            plants.push(card);
            const turns = [user(card.text)];
            const say = async (plant) => {
                home.setMode(`ok:text=${encodeURIComponent(plant.value)}`, 1);
                const answer = await ask({ model: build.guarded ? 'auto' : 'home/ok', stream, messages: turns });
                home.setMode(null);
                assert.equal(answer.status, 200, answer.text);
                turns.push({ role: 'assistant', content: plant.value });
            };
            await say(first);
            turns.push(user('And what follows from that?'));
            await say(second);
            turns.push(user('Thank you. Shorter, please.'));
            if (restart) {
                logged += hearth.output;
                await hearth.kill();
                await hearth.start();
            }
            const place = `the third turn${restart ? ' after kill -9' : ''}`;
            await mustStay(card, `${place}, whole`, { messages: turns });
            await mustStay(second, `${place}, truncated`, { messages: turns.slice(3) });
            await mustStay(first, `${place}, truncated to the first answer`, { messages: [turns[1], turns[4]] });
        }

        await t.test('the third turn of a conversation', async () => {
            await conversation(false, false);
            await conversation(false, true);
        });

        await t.test('the same after kill -9', async () => {
            await conversation(true, false);
            await conversation(true, true);
            await mustGo('the end');
        });

        await t.test(build.guarded ? 'nothing planted arrived' : 'everything planted arrived', async (sub) => {
            const hay = haystack(cloud);
            const received = cloud.records.filter((record) => record.event === 'request').length;
            const found = plants.filter((plant) => isIn(hay, plant).whole);
            const touched = [...plants, ...headersOnly].filter((plant) => isIn(hay, plant).any);
            sub.diagnostic(`figures: ${requests} requests, ${plants.length} values planted, the cloud received ` +
                `${received} requests with ${found.length} of them`);
            for (const plant of innocent)
                assert.ok(isIn(hay, plant).whole, `the recorder misses what it must have got ${plant.place}`);
            if (build.guarded)
                assert.deepEqual(touched.map(describe), []);
            else
                assert.deepEqual(plants.filter((plant) => !found.includes(plant)).map(describe), []);
            for (const plant of headersOnly)
                assert.ok(!isIn(hay, plant).any, describe(plant));
        });

        await t.test('neither log nor state folder knows any of it', async () => {
            let kept = logged + hearth.output;
            for (const file of filesUnder(hearth.state))
                kept += fs.readFileSync(file).toString('latin1').replace(/\0+/g, '\n');
            assert.ok(kept.length > 1000);
            assert.deepEqual([...plants, ...innocent, ...headersOnly].filter((plant) => kept.includes(plant.value)).map(describe), []);
        });
    });
