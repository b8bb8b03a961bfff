/* The official SDK against a real Hearth with the demo model. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { sleep, startHearth } from './hearth.mjs';

let hearth, client;
before(async () => {
    hearth = await startHearth();
    client = new OpenAI({ baseURL: hearth.url, apiKey: 'any', maxRetries: 0, timeout: 60000 });
});
after(() => hearth?.stop());

const question = [{ role: 'user', content: 'Is this review positive or negative? The coffee was great.' }];

test('models are listed and found', async () => {
    const ids = [];
    for await (const model of client.models.list())
        ids.push(model.id);
    assert.ok(ids.includes('auto') && ids.includes('demo'), ids.join(' '));
    assert.equal((await client.models.retrieve('demo')).id, 'demo');
    await assert.rejects(client.models.retrieve('no-such-model'), OpenAI.NotFoundError);
});

test('a chat completion', async () => {
    const { data, response } = await client.chat.completions
        .create({ model: 'auto', messages: question, temperature: 0, max_tokens: 20 }).withResponse();
    assert.equal(data.object, 'chat.completion');
    assert.equal(data.choices.length, 1);
    assert.equal(data.choices[0].message.role, 'assistant');
    assert.ok(data.choices[0].message.content.length > 0);
    assert.ok(['stop', 'length'].includes(data.choices[0].finish_reason));
    assert.ok(data.usage.prompt_tokens > 0 && data.usage.completion_tokens > 0);
    assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
    assert.equal(response.headers.get('x-hearth-target'), 'demo');
    assert.equal(response.headers.get('x-hearth-zone'), 'device');
    assert.equal(response.headers.get('x-hearth-sensitivity'), 'internal');
    assert.ok(data._request_id && data._request_id === response.headers.get('x-request-id'));
});

test('a stream says the same as a whole answer', async () => {
    const ask = { model: 'auto', messages: question, temperature: 0, max_tokens: 20 };
    const whole = await client.chat.completions.create(ask);
    const stream = await client.chat.completions.create({ ...ask, stream: true,
        stream_options: { include_usage: true } });
    let text = '', finish = null, usage = null;
    for await (const chunk of stream) {
        assert.equal(chunk.object, 'chat.completion.chunk');
        text += chunk.choices[0]?.delta?.content ?? '';
        finish = chunk.choices[0]?.finish_reason ?? finish;
        usage = chunk.usage ?? usage;
    }
    assert.equal(text, whole.choices[0].message.content);
    assert.equal(finish, whole.choices[0].finish_reason);
    assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
});

test('an answer is JSON when asked for', async () => {
    const object = await client.chat.completions.create({ model: 'demo', messages: question, temperature: 0,
        max_tokens: 200, response_format: { type: 'json_object' } });
    assert.equal(typeof object.choices[0].message.content, 'string');
    if (object.choices[0].finish_reason === 'stop') /* else it is a beginning */
        assert.equal(Object.prototype.toString.call(JSON.parse(object.choices[0].message.content)), '[object Object]');
    const schema = { type: 'object', additionalProperties: false, required: ['sentiment', 'stars', 'tags'],
        properties: { sentiment: { enum: ['positive', 'negative'] }, stars: { type: 'integer', minimum: 1, maximum: 5 },
            tags: { type: 'array', maxItems: 3, items: { type: 'string', maxLength: 12 } } } };
    for (const temperature of [0, 1, 1.5]) {
        const answer = await client.chat.completions.create({ model: 'auto', messages: question, temperature, seed: 7,
            max_tokens: 400, n: 2, response_format: { type: 'json_schema',
                json_schema: { name: 'review', strict: true, schema } } });
        for (const choice of answer.choices) {
            assert.equal(choice.finish_reason, 'stop');
            const value = JSON.parse(choice.message.content);
            assert.deepEqual(Object.keys(value), ['sentiment', 'stars', 'tags']);
            assert.ok(schema.properties.sentiment.enum.includes(value.sentiment));
            assert.ok(Number.isInteger(value.stars) && value.stars >= 1 && value.stars <= 5);
            assert.ok(value.tags.length <= 3 && value.tags.every((tag) => [...tag].length <= 12));
        }
    }
    for (const [wrong, code, place] of [[{ not: {} }, 'unsupported_parameter', /#\/not/],
        [{ items: { type: 'text' } }, 'invalid_value', /#\/items\/type/]]) {
        await assert.rejects(client.chat.completions.create({ model: 'demo', messages: question,
            response_format: { type: 'json_schema', json_schema: { name: 'x', schema: wrong } } }), (error) => {
            assert.ok(error instanceof OpenAI.BadRequestError, String(error));
            assert.equal(error.param, 'response_format');
            assert.equal(error.code, code);
            assert.match(error.message, place);
            return true;
        });
    }
});

test('the names of other makers are served too', async () => {
    for (const model of ['local-model', 'gpt-4o-mini', 'claude-3-haiku', 'demo']) {
        const answer = await client.chat.completions.create({ model, messages: question, max_tokens: 4 });
        assert.ok(answer.choices[0].message.content.length > 0, model);
        assert.equal((await client.models.retrieve(model)).id, model);
    }
    await assert.rejects(client.models.retrieve('gpt-*'), OpenAI.NotFoundError);
});

test('a wrong method is told the right ones, once each', async () => {
    for (const [path, allow] of [['/models', 'GET'], ['/models/demo', 'GET'], ['/chat/completions', 'POST']]) {
        const response = await fetch(hearth.url + path, { method: 'DELETE' });
        assert.equal(response.status, 405);
        assert.equal(response.headers.get('allow'), allow);
    }
});

test('an unknown model is NotFoundError', async () => {
    await assert.rejects(client.chat.completions.create({ model: 'no-such-model', messages: question }), (error) => {
        assert.ok(error instanceof OpenAI.NotFoundError, String(error));
        assert.equal(error.code, 'model_not_found');
        assert.match(error.message, /no-such-model/);
        return true;
    });
});

test('a bad body is BadRequestError', async () => {
    const wrong = [
        { model: 'auto' },
        { model: 'auto', messages: [] },
        { model: 'auto', messages: 'hello' },
        { model: 'auto', messages: [{ role: 'nobody', content: 'hello' }] },
        { model: 'auto', messages: question, temperature: 'hot' },
        { model: 'auto', messages: question, max_tokens: -1 },
    ];
    for (const body of wrong)
        await assert.rejects(client.chat.completions.create(body), OpenAI.BadRequestError, JSON.stringify(body));
    const answer = await fetch(hearth.url + '/chat/completions', { method: 'POST', body: '{"model":' });
    assert.equal(answer.status, 400);
    assert.equal((await answer.json()).error.type, 'invalid_request_error');
});

test('what was asked is in the ledger', async () => {
    const { _request_id: id } = await client.chat.completions
        .create({ model: 'auto', messages: question, max_tokens: 4 });
    let shown;
    for (let i = 0; i < 100 && shown?.code !== 0; i++) { /* it is written a moment after the answer */
        await sleep(i && 100);
        shown = await hearth.run('explain', id, '--json');
    }
    assert.equal(shown.code, 0, shown.stderr);
    const { request, attempts } = JSON.parse(shown.stdout);
    assert.equal(request.id, id);
    assert.equal(request.status, 'ok');
    assert.equal(attempts.length, 1);
    assert.equal(attempts[0].target, 'demo');
    assert.ok(!shown.stdout.includes('coffee'), 'no word of the prompt is kept');
    const report = JSON.parse((await hearth.run('report', '--json')).stdout);
    assert.ok(report.groups.find((group) => group.target === 'demo').requests >= 1);
});
