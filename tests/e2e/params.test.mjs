/* What a request asks for and the answer does not heed is said: in x-hearth-warnings, or as an error. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { demoModel, startHearth } from './hearth.mjs';

const { startProvider } = createRequire(import.meta.url)('./provider/provider.js');

let provider, hearth;
before(async () => {
    provider = await startProvider();
    hearth = await startHearth({ env: { KEY: 'k' }, config: `
headers: id
engine: {models: [{name: demo, path: ${demoModel}}]}
upstreams:
  - {name: cloud, kind: openai, url: ${provider.url}, key: env:KEY, zone: cloud,
     models: [{name: ok, capability: 0.9, prices: {input: 1000, output: 1000}}]}
models: {auto: {}, steps: {pipeline: p}}
pipelines: [{name: p, steps: [{id: a, target: demo, prompt: "{{ input }}"}]}]
` });
});
after(() => Promise.all([hearth?.stop(), provider?.stop()]));

const hello = [{ role: 'user', content: 'Is this positive or negative: great coffee!' }];

async function ask(more, path = '/chat/completions') {
    const response = await fetch(hearth.url + path,
        { method: 'POST', body: JSON.stringify({ model: 'demo', messages: hello, ...more }) });
    const text = await response.text();
    return { status: response.status, text, warnings: response.headers.get('x-hearth-warnings'),
        error: response.status === 200 ? null : JSON.parse(text).error };
}

/* field -> what the warning begins with; a local model takes none of these */
const dropped = {
    'an unknown field': [{ foo: 1 }, 'foo'],
    'a tier of service': [{ service_tier: 'flex' }, 'service_tier'],
    'storing': [{ store: true }, 'store'],
    'a prediction': [{ prediction: { type: 'content', content: 'positive' } }, 'prediction'],
    'verbosity': [{ verbosity: 'low' }, 'verbosity'],
    'a constraint of another server': [{ guided_choice: ['a', 'b'] }, 'guided_choice'],
    'a user': [{ user: 'u' }, 'user'],
    'the same, by its newer name': [{ safety_identifier: 'u' }, 'safety_identifier'],
    'metadata': [{ metadata: { a: 'b' } }, 'metadata'],
    'a field of a message': [{ messages: [{ ...hello[0], weight: 1 }] }, 'messages.weight'],
    'a call in a message that cannot hold one': [{ messages: [{ ...hello[0], tool_calls: [] }] }, 'messages.tool_calls'],
    'a field of a part': [{ messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello', cache_control: {} }] }] },
        'messages.content.cache_control'],
    'an option of streams': [{ stream: true, stream_options: { include_obfuscation: true } },
        'stream_options.include_obfuscation: left out, demo does not take it'],
};
for (const [name, [more, beginning]] of Object.entries(dropped))
    test(`left out and said: ${name}`, async () => {
        const { status, text, warnings } = await ask(more);
        assert.equal(status, 200, text);
        assert.ok(warnings?.startsWith(beginning), `${warnings} does not begin with ${beginning}`);
        assert.equal(warnings.split('; ').length, 1, warnings);
    });

test('nothing is said where nothing is lost', async () => {
    const { status, text, warnings } = await ask({ store: false, service_tier: 'auto', modalities: ['text'], foo: null,
        metadata: {}, repeat_last_n: 64, min_p: 0.1, n: 1, stream: true,
        stream_options: { include_usage: true, include_obfuscation: false } });
    assert.equal(status, 200, text);
    assert.equal(warnings, null);
});

test('many at once: bounded, and the header stays one line', async () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`field${i}\r\nx-evil: ${'é'.repeat(i % 9)}`, i]));
    const { status, warnings } = await ask(many);
    assert.equal(status, 200);
    assert.match(warnings, /^field0\?\?x-evil: : left out, demo does not take it; .*and more$/);
    assert.ok(warnings.length < 2100);
});

test('what would change the answer is an error, unless another target takes it', async () => {
    for (const [more, param] of [[{ web_search_options: {} }, 'web_search_options'],
        [{ modalities: ['text', 'audio'] }, 'modalities'], [{ audio: { voice: 'alloy', format: 'wav' } }, 'audio']]) {
        const { status, error } = await ask(more);
        assert.equal(status, 400);
        assert.equal(error.code, 'unsupported_parameter');
        assert.equal(error.param, param);
    }
    const { status, text } = await ask({ model: 'auto', web_search_options: {} });
    assert.equal(status, 200, text);
    assert.equal(JSON.parse(text).model, 'cloud/ok');
});

test('an upstream gets what it knows; the rest is said', async () => {
    const { status, text, warnings } = await ask({ model: 'cloud/ok', foo: 1, top_k: 3, stream: true,
        stream_options: { include_usage: true, continuous_usage_stats: true },
        messages: [...hello,
            { role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}', extra: 1 } }] },
            { role: 'tool', tool_call_id: 'c', name: 'f', content: 'done' }] });
    assert.equal(status, 200, text);
    assert.equal(warnings, 'top_k: left out, openai does not take it');
    const sent = JSON.parse(provider.records.filter((r) => r.event === 'request').at(-1).body);
    assert.equal(sent.foo, 1);
    assert.deepEqual(sent.stream_options, { include_usage: true, continuous_usage_stats: true });
    assert.equal(sent.messages[1].tool_calls[0].function.extra, 1);
    assert.equal(sent.messages[2].name, 'f');
});

test('other forms of requests', async () => {
    const plain = await ask({ messages: undefined, prompt: 'Once', max_tokens: 4, tools: [], foo: 1 }, '/completions');
    assert.equal(plain.status, 200, plain.text);
    assert.equal(plain.warnings, 'tools: left out, demo does not take it; foo: left out, demo does not take it');
    const format = await ask({ messages: undefined, prompt: 'Once', response_format: { type: 'json_object' } }, '/completions');
    assert.equal(format.status, 400);
    assert.equal(format.error.param, 'response_format');
    const steps = await ask({ model: 'steps', foo: 1, messages: [{ role: 'system', content: 'Be kind' }, ...hello] });
    assert.equal(steps.status, 200, steps.text);
    assert.equal(steps.warnings, 'messages: a pipeline works on the last one of the user alone; foo: left out, demo does not take it');
});

test('wrong types are errors, not nothing', async () => {
    const image = (more) => [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://a.example/b', ...more } }] }];
    for (const [more, param] of [
        [{ tools: [{ type: 'function', function: { name: 'f', description: 5 } }] }, 'tools[0].function.description'],
        [{ messages: image({ detail: 1 }) }, 'messages[0].content[0].image_url.detail'],
        [{ messages: [...hello, { role: 'assistant', content: 'x', refusal: 1 }] }, 'messages[1].refusal'],
        [{ messages: [...hello, { role: 'assistant', content: 'x', reasoning_content: {} }] }, 'messages[1].reasoning_content'],
        [{ messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'a', filename: 2 } }] }] },
            'messages[0].content[0].file.filename'],
    ]) {
        const { status, error } = await ask(more);
        assert.equal(status, 400);
        assert.equal(error.param, param, JSON.stringify(more));
    }
});
