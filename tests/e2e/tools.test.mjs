/* Tool calls of engine models, in every family's markup: models that say what they were told to (script_model.c). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { startScripted } from './scripted.mjs';

let hearth, client;
startScripted(['qwen', 'llama', 'mistral', 'mistral_args', 'harmony', 'r1', 'coder', 'deepseek'], (started) => ({ hearth, client } = started));

const weather = { type: 'function', function: { name: 'get_weather', description: 'Weather in a city', strict: true,
    parameters: { type: 'object', properties: { city: { type: 'string', maxLength: 30 } }, required: ['city'], additionalProperties: false } } };
const add = { type: 'function', function: { name: 'add', parameters: { type: 'object',
    properties: { a: { type: 'integer', minimum: 0, maximum: 99 }, b: { type: 'integer', minimum: 0, maximum: 99 } }, required: ['a', 'b'] } } };
const ask = (model, content, more = {}) =>
    ({ model, temperature: 0, max_tokens: 600, tools: [weather, add], messages: [{ role: 'user', content }], ...more });

/* The same calls whole and streamed. */
async function both(body) {
    const whole = await client.chat.completions.create(body);
    const stream = await client.chat.completions.create({ ...body, stream: true });
    const calls = [];
    let content = '', finish = null, pieces = 0, role = 0;
    for await (const chunk of stream) {
        const delta = chunk.choices[0]?.delta ?? {};
        role += delta.role === 'assistant' ? 1 : 0;
        content += delta.content ?? '';
        finish = chunk.choices[0]?.finish_reason ?? finish;
        for (const call of delta.tool_calls ?? []) {
            pieces++;
            if (call.id) {
                assert.equal(call.index, calls.length, 'a new call');
                assert.equal(call.type, 'function');
                calls.push({ id: call.id, name: call.function.name, arguments: '' });
            }
            calls[call.index].arguments += call.function.arguments ?? '';
        }
    }
    const { message, finish_reason } = whole.choices[0];
    assert.equal(role, 1);
    assert.equal(content, message.content ?? '');
    assert.equal(finish, finish_reason);
    assert.deepEqual(calls.map((call) => [call.name, call.arguments]),
        (message.tool_calls ?? []).map((call) => [call.function.name, call.function.arguments]));
    assert.equal(new Set(calls.map((call) => call.id)).size, calls.length);
    return { message, finish: finish_reason, pieces };
}

test('a call of each family', async () => {
    for (const [model, word] of [['qwen', 'call'], ['llama', 'call'], ['llama', 'code'], ['mistral', 'call'],
        ['mistral_args', 'call'], ['harmony', 'call'], ['coder', 'call'], ['deepseek', 'call']]) {
        const { message, finish, pieces } = await both(ask(model, `Please ${word}.`));
        assert.equal(finish, 'tool_calls', model);
        assert.equal(message.content, null, model);
        assert.equal(message.tool_calls.length, 1, model);
        assert.equal(message.tool_calls[0].function.name, 'get_weather');
        assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: word === 'code' ? 'Rome' : 'Paris' });
        if (model === 'qwen' || model === 'harmony') {
            assert.equal(message.reasoning_content, 'I look it up.');
            assert.ok(pieces >= 3, `${pieces} pieces`);
        }
    }
});

test('several calls, and text before them', async () => {
    for (const model of ['qwen', 'mistral', 'mistral_args', 'coder', 'deepseek']) {
        const { message, finish } = await both(ask(model, 'two'));
        assert.equal(finish, 'tool_calls');
        assert.equal(message.content, model === 'qwen' ? 'Two.' : null);
        assert.deepEqual(message.tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]),
            [['get_weather', { city: model === 'qwen' ? 'Rome, but the one in Georgia' : 'Rome' }], ['add', { a: 1, b: 2 }]], model);
        const one = await both(ask(model, 'two', { parallel_tool_calls: false }));
        assert.equal(one.message.tool_calls.length, 1);
        assert.equal(one.finish, 'tool_calls');
    }
});

test('the result of a call goes back to the model', async () => {
    for (const model of ['qwen', 'llama', 'mistral', 'mistral_args', 'harmony', 'coder', 'deepseek'])
        for (const id of [undefined, 'call_from_another_provider_12345']) {
            const first = await client.chat.completions.create(ask(model, 'Please call.'));
            const { message } = first.choices[0];
            if (id)
                message.tool_calls[0].id = id;
            const { message: second, finish } = await both({ ...ask(model, 'x'), messages: [{ role: 'user', content: 'Please call.' },
                message, { role: 'tool', tool_call_id: message.tool_calls[0].id, content: 'sunny' }] });
            assert.equal(second.content, 'It is sunny.', model);
            assert.equal(finish, 'stop');
        }
});

test('text stays text', async () => {
    for (const [model, text] of [['qwen', 'Hello there.'], ['llama', 'Hello there.'], ['mistral', 'Hello [there].'],
        ['mistral_args', 'Hello there.'], ['harmony', 'Hello there.'], ['coder', 'Hello there.'], ['deepseek', 'Hello there.']])
        for (const more of [{}, { tool_choice: 'none' }]) {
            const { message, finish } = await both(ask(model, 'Say hello.', more));
            assert.equal(message.content, text, model);
            assert.equal(message.tool_calls, undefined);
            assert.equal(finish, 'stop');
        }
    const { message } = await both(ask('qwen', 'Some code.'));
    assert.equal(message.content, '1 < 2 <tools> </think>');
});

test('a forced call is made, whatever the model would say', async () => {
    let made = 0;
    for (const model of ['qwen', 'llama', 'mistral', 'mistral_args', 'harmony', 'coder', 'deepseek'])
        for (const [choice, name] of [['required', null], [{ type: 'function', function: { name: 'add' } }, 'add']])
            for (const temperature of [0, 1.5]) {
                const answer = await client.chat.completions.create(ask(model, 'Say hello.', { tool_choice: choice,
                    temperature, seed: 5, parallel_tool_calls: false, chat_template_kwargs: { enable_thinking: false },
                    max_tokens: 1500, n: 3 }));
                for (const { message, finish_reason: finish } of answer.choices) {
                    if (finish === 'length') /* bytes at random may go on for long */
                        continue;
                    assert.equal(finish, 'tool_calls', model);
                    assert.equal(message.tool_calls.length, 1);
                    made++;
                    const call = message.tool_calls[0].function;
                    const args = JSON.parse(call.arguments);
                    assert.ok(['get_weather', 'add'].includes(call.name));
                    if (name)
                        assert.equal(call.name, name);
                    if (call.name === 'add')
                        assert.ok(Number.isInteger(args.a) && Number.isInteger(args.b), call.arguments);
                    else
                        assert.equal(typeof args.city, 'string');
                }
            }
    assert.ok(made > 40, `${made} of 60`);
});

test('calls carry the label of their request into the next turn', async () => {
    const headers = { 'x-hearth-sensitivity': 'restricted' };
    for (const stream of [false, true]) {
        const message = { role: 'assistant', content: 'Two.', tool_calls: [] };
        const body = ask('qwen', `two ${stream}`, { stream });
        if (stream) {
            for await (const chunk of await client.chat.completions.create(body, { headers }))
                for (const call of chunk.choices[0]?.delta?.tool_calls ?? [])
                    if (call.id)
                        message.tool_calls.push({ ...call, index: undefined });
                    else
                        message.tool_calls[call.index].function.arguments += call.function.arguments;
        } else {
            message.tool_calls = (await client.chat.completions.create(body, { headers })).choices[0].message.tool_calls;
        }
        assert.equal(message.tool_calls.length, 2);
        const later = await fetch(hearth.url + '/route', { method: 'POST', headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ model: 'qwen', messages: [{ role: 'user', content: 'Another one.' }, message,
                ...message.tool_calls.map((call) => ({ role: 'tool', tool_call_id: call.id, content: 'done' }))] }) });
        assert.equal((await later.json()).request.sensitivity, 'restricted');
    }
});

test('a format beside tools, and behind reasoning', async () => {
    const schema = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'], additionalProperties: false };
    const format = { type: 'json_schema', json_schema: { name: 'x', strict: true, schema } };
    for (const model of ['qwen', 'mistral', 'mistral_args', 'harmony']) {
        const called = await both(ask(model, 'Please call.', { response_format: format }));
        assert.equal(called.finish, 'tool_calls', model);
        const said = await both({ ...ask(model, 'Say hello.', { response_format: format, tools: undefined, seed: 3 }) });
        assert.ok('ok' in JSON.parse(said.message.content), said.message.content);
        if (model !== 'mistral')
            assert.equal(said.message.reasoning_content, 'A greeting.', model);
    }
    const opened = await both({ ...ask('r1', 'Say hello.', { response_format: format, tools: undefined }) });
    assert.equal(opened.message.reasoning_content, 'Hm </thing>.');
    assert.ok('ok' in JSON.parse(opened.message.content));
});

const rejects = (body, param, pattern) => assert.rejects(client.chat.completions.create(body), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError, String(error));
    assert.equal(error.param, param, error.message);
    assert.match(error.message, pattern);
    return true;
});

test('of the tools only those allowed are called', async () => {
    const allow = (mode, ...names) => ({ tool_choice: { type: 'allowed_tools', allowed_tools: { mode,
        tools: names.map((name) => ({ type: 'function', function: { name } })) } } });
    let made = 0;
    for (const model of ['qwen', 'llama', 'mistral', 'mistral_args', 'harmony', 'coder', 'deepseek']) {
        const forced = await client.chat.completions.create(ask(model, 'Please call.', { ...allow('required', 'add'),
            chat_template_kwargs: { enable_thinking: false }, max_tokens: 1500, n: 2 }));
        for (const { message } of forced.choices)
            for (const call of message.tool_calls ?? [])
                made += assert.equal(call.function.name, 'add', model) ?? 1;
        const free = await client.chat.completions.create(ask(model, 'Please call.', allow('auto', 'add', 'get_weather')));
        assert.equal(free.choices[0].message.tool_calls[0].function.name, 'get_weather', model);
        const plain = await client.chat.completions.create(ask(model, 'Say hello.', allow('auto', 'add')));
        assert.match(plain.choices[0].message.content, /^Hello/, model);
    }
    assert.ok(made >= 5, `${made} calls`);
    await rejects(ask('qwen', 'x', allow('required', 'add', 'nobody')), 'tool_choice', /allowed_tools must name some of the tools/);
    await rejects(ask('qwen', 'x', allow('auto')), 'tool_choice', /allowed_tools must name/);
    await rejects(ask('qwen', 'x', allow('sometimes', 'add')), 'tool_choice', /tool_choice/);
});

test('what cannot be followed is said', async () => {
    const odd = { type: 'function', function: { name: 'odd', parameters: { type: 'object', not: {} } } };
    for (let i = 0; i < 3; i++) /* the second time it is known */
        await rejects(ask('qwen', 'x', { tools: [weather, odd], tool_choice: 'required' }), 'tools', /tool 1: .*#\/not/);
    await rejects(ask('qwen', 'x', { tools: [weather, odd], tool_choice: { type: 'function', function: { name: 'odd' } } }), 'tools', /#\/not/);
    await rejects(ask('qwen', 'x', { tools: [{ type: 'function', function: { ...odd.function, strict: true } }] }), 'tools', /#\/not/);
    await rejects(ask('qwen', 'x', { tool_choice: { type: 'function', function: { name: 'nobody' } } }), 'tool_choice', /no tool/);
    await rejects(ask('qwen', 'x', { tools: undefined, tool_choice: 'required' }), 'tool_choice', /no tools/);
    await rejects(ask('llama', 'x', { response_format: { type: 'json_object' } }), 'response_format', /not both/);
    await rejects(ask('qwen', 'x', { tools: [{ type: 'function', function: { name: 'a b' } }] }), 'tools', /name/);
    await assert.rejects(client.chat.completions.create(ask('r1', 'x')), OpenAI.BadRequestError); /* no tools in its template */
    /* When nobody insists, any object will do. */
    const { message } = await both(ask('qwen', 'Please call.', { tools: [weather, odd] }));
    assert.equal(message.tool_calls[0].function.name, 'get_weather');
});

test('many at once, with forms known and new', async () => {
    await Promise.all(Array.from({ length: 40 }, async (_, i) => {
        const tools = [{ type: 'function', function: { ...weather.function, description: `number ${i}`,
            parameters: { ...weather.function.parameters, title: `form ${i % 7}` } } }];
        const { message } = await both(ask('qwen', 'Please call.', { tools }));
        assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: 'Paris' });
    }));
});
