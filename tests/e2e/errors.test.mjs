/* The table of errors: what an app sees through the official SDK, and what the headers advise. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { demoModel, filesUnder, freePort, sleep, startHearth } from './hearth.mjs';

const { startProvider } = createRequire(import.meta.url)('./provider/provider.js');
const card = ['4111', '1111', '1111', '1111'].join(' ');

let provider, hearth, client;
before(async () => {
    provider = await startProvider();
    const nobody = await freePort();
    hearth = await startHearth({ env: { KEY: 'k' }, config: `
engine:
  models:
    - {name: demo, path: ${demoModel}, context: 512}
    - {name: narrow, path: ${demoModel}, sequences: 1, queue: 1}
upstreams:
  - {name: cloud, kind: openai, url: ${provider.url}, key: env:KEY, zone: cloud, models: [ok]}
  - {name: house, kind: vllm, url: "http://127.0.0.1:${nobody}/v1", zone: premises, models: [{name: m, capability: 0.9}]}
models:
  away: {targets: [cloud/ok]}
  house: {targets: [house/m]}
rules:
  - {name: no-fruit, when: {text: {regex: pineapple}}, refuse: "fruit is not discussed here"}
` });
    client = new OpenAI({ baseURL: hearth.url, apiKey: 'any', maxRetries: 0 });
});
after(() => Promise.all([hearth?.stop(), provider?.stop()]));

const ask = (model, content, more = {}, options = {}) =>
    client.chat.completions.create({ model, messages: [{ role: 'user', content }], ...more }, options);

async function fails(promise, kind, status, code) {
    const error = await promise.then(() => assert.fail('it was answered'), (e) => e);
    assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
    assert.equal(error.status, status, error.message);
    assert.equal(error.code, code, error.message);
    assert.ok(error.headers.get('x-request-id'));
    return error;
}

for (const stream of [false, true]) {
    test(`nothing is cleared${stream ? ' (stream)' : ''}`, async () => {
        const error = await fails(ask('away', `my card is ${card}`, { stream }), OpenAI.PermissionDeniedError, 403, 'policy_violation');
        assert.equal(error.headers.get('x-should-retry'), 'false');
        assert.equal(error.headers.get('x-hearth-sensitivity'), 'confidential');
        assert.ok(!error.message.includes('1111'));
    });

    test(`a rule refuses${stream ? ' (stream)' : ''}`, async () => {
        const error = await fails(ask('demo', 'a pineapple', { stream }), OpenAI.PermissionDeniedError, 403, 'policy_violation');
        assert.equal(error.headers.get('x-should-retry'), 'false');
        assert.equal(error.headers.get('x-hearth-rules'), 'no-fruit');
        assert.match(error.message, /fruit is not discussed here/);
    });

    /* The first asks find the connection refused; then its breaker is open and it is not asked at all. */
    test(`a cleared target is down${stream ? ' (stream)' : ''}`, async () => {
        for (let i = 0; i < 4; i++) {
            const error = await fails(ask('house', `my card is ${card}`, { stream }), OpenAI.InternalServerError, 503, 'local_unavailable');
            assert.ok(Number(error.headers.get('retry-after')) >= 1, 'retry-after');
            assert.equal(error.headers.get('x-should-retry'), null);
            assert.match(error.message, /house\/m|down or busy/);
        }
    });

    test(`longer than any allowed target takes${stream ? ' (stream)' : ''}`, async () => {
        const error = await fails(ask('demo', 'many words '.repeat(2000), { stream }), OpenAI.BadRequestError, 400, 'context_length_exceeded');
        assert.match(error.message, /about \d{4,} tokens.* 512 tokens/);
        assert.equal(error.headers.get('x-should-retry'), 'false');
    });

    test(`an unknown model${stream ? ' (stream)' : ''}`, async () => {
        const error = await fails(ask('nobody', 'hello', { stream }), OpenAI.NotFoundError, 404, 'model_not_found');
        assert.equal(error.headers.get('x-should-retry'), 'false');
    });
}

test('what was asked for in the place of a model is not kept', async () => {
    await fails(ask(`card ${card}`, 'hello'), OpenAI.NotFoundError, 404, 'model_not_found');
    const failed = await fails(ask('away', 'hello', {}, { headers: { 'x-hearth-target': `card ${card}` } }), OpenAI.NotFoundError, 404, 'model_not_found');
    await sleep(1500); /* rows are committed in groups */
    assert.match((await hearth.run('explain', failed.headers.get('x-request-id'))).stdout, /model_not_found/i);
    for (const file of filesUnder(hearth.state))
        assert.ok(!fs.readFileSync(file).includes(card), file);
    assert.ok(!hearth.output.includes(card));
});

test('a target is full', async () => {
    const long = { max_tokens: 400, logit_bias: {}, stop: ['never said'] };
    const many = await Promise.allSettled(Array.from({ length: 24 }, () => ask('narrow', 'hello, and on and on', { ...long, n: 1 })));
    const failed = many.filter((one) => one.status === 'rejected').map((one) => one.reason);
    assert.ok(failed.length > 0, 'a queue of one took two dozen');
    for (const error of failed) {
        assert.equal(error.status, 503, error.message);
        assert.equal(error.code, 'local_unavailable', error.message);
        assert.ok(Number(error.headers.get('retry-after')) >= 1, 'retry-after');
    }
});

test('a bad key', async () => {
    await hearth.run('keys', 'add', 'somebody');
    const error = await fails(ask('demo', 'hello'), OpenAI.AuthenticationError, 401, 'invalid_api_key');
    assert.equal(error.headers.get('x-should-retry'), 'false');
    assert.equal(error.headers.get('x-hearth-sensitivity'), null);
});
