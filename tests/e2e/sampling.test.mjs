/* Sampling fields of local models, by the names of OpenAI and llama-server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { startHearth } from './hearth.mjs';

let hearth, client;
before(async () => {
    hearth = await startHearth();
    client = new OpenAI({ baseURL: hearth.url, apiKey: 'any', maxRetries: 0, timeout: 60000 });
});
after(() => hearth?.stop());

const ask = (more) => client.chat.completions.create({ model: 'demo', max_tokens: 40, seed: 11,
    messages: [{ role: 'user', content: 'Is this review positive or negative? The coffee was great.' }], ...more });
const text = async (more) => (await ask(more)).choices[0].message.content;

test('every documented field is taken, and the seed keeps its word', async () => {
    const all = { temperature: 1.2, top_k: 30, top_p: 0.9, min_p: 0.02, typical_p: 0.95, repeat_penalty: 1.1, repeat_last_n: 64,
        presence_penalty: 0.2, frequency_penalty: 0.1, dry_multiplier: 0.8, dry_base: 1.75, dry_allowed_length: 2,
        dry_penalty_last_n: -1, dry_sequence_breakers: ['\n', '.'], logit_bias: { 5: -1 } };
    assert.equal(await text(all), await text(all));
    const mirostat = { temperature: 1.5, mirostat: 2, mirostat_tau: 3, mirostat_eta: 0.2 };
    assert.equal(await text(mirostat), await text(mirostat));
    const messages = [{ role: 'user', content: 'zebra quantum plum, and then?' }];
    const answers = new Set();
    for (let seed = 1; seed <= 12; seed++)
        answers.add(await text({ seed, messages, temperature: 2, mirostat: 2, mirostat_tau: 20 }));
    assert.ok(answers.size > 1, 'twelve seeds gave one answer');
});

test('repeat_last_n: 0 switches the penalties off, dry_penalty_last_n: 0 DRY', async () => {
    const plain = await text({ temperature: 0 });
    assert.equal(await text({ temperature: 0, repeat_penalty: 50, presence_penalty: 2, repeat_last_n: 0 }), plain);
    assert.equal(await text({ temperature: 0, dry_multiplier: 90, dry_penalty_last_n: 0 }), plain);
    assert.notEqual(await text({ temperature: 0, repeat_penalty: 50 }), plain);
});

test('what is out of range is named', async () => {
    for (const [field, value] of [['typical_p', 2], ['repeat_penalty', 0], ['mirostat', 1], ['mirostat', '2'], ['mirostat_tau', -1],
        ['mirostat_eta', 'x'], ['dry_multiplier', -1], ['dry_base', 0], ['dry_allowed_length', 1.5], ['dry_penalty_last_n', 1e9],
        ['dry_sequence_breakers', 'x'], ['dry_sequence_breakers', ['']], ['repeat_last_n', -2]])
        await assert.rejects(ask({ [field]: value }), (error) => {
            assert.ok(error instanceof OpenAI.BadRequestError, `${field}: ${error}`);
            assert.equal(error.param, field);
            return true;
        });
});

test('log-probabilities are exact', async () => {
    const { logprobs, message } = (await ask({ temperature: 0, logprobs: true, top_logprobs: 20 })).choices[0];
    assert.equal(logprobs.content.map((entry) => entry.token).join(''), message.content);
    for (const entry of logprobs.content) {
        const mass = entry.top_logprobs.reduce((sum, top) => sum + Math.exp(top.logprob), 0);
        assert.ok(mass > 0 && mass < 1.0001, String(mass));
        assert.equal(entry.top_logprobs[0].logprob, entry.logprob, 'greedy takes the first');
        assert.deepEqual(entry.bytes, [...Buffer.from(entry.token)]);
        for (let i = 1; i < entry.top_logprobs.length; i++)
            assert.ok(entry.top_logprobs[i].logprob <= entry.top_logprobs[i - 1].logprob);
    }
    /* Penalties and bias do not change what is reported. */
    const biased = (await ask({ temperature: 0, logprobs: true, top_logprobs: 20, logit_bias: { 7: 30 }, max_tokens: 1 })).choices[0];
    assert.deepEqual(biased.logprobs.content[0].top_logprobs, logprobs.content[0].top_logprobs);
});

test('many answers share one prompt', async () => {
    const one = await ask({ n: 1, temperature: 1 }), many = await ask({ n: 4, temperature: 1 });
    assert.equal(many.choices.length, 4);
    assert.equal(many.usage.prompt_tokens, one.usage.prompt_tokens);
    assert.ok(many.usage.completion_tokens > one.usage.completion_tokens);
    assert.equal(many.choices[0].message.content, one.choices[0].message.content, 'the first has the seed itself');
});

test('a grammar in GBNF holds for chats and plain texts', async () => {
    for (const temperature of [0, 2])
        assert.match(await text({ temperature, grammar: 'root ::= word ("," word){2} "!"\nword ::= "yes" | "no"' }),
            /^(yes|no)(,(yes|no)){2}!$/);
    const { choices } = await client.completions.create({ model: 'demo', prompt: ['one', 'two'], temperature: 2, max_tokens: 40,
        grammar: 'root ::= [0-9]{5}' });
    for (const choice of choices)
        assert.match(choice.text, /^[0-9]{5}$/);
    for (const more of [{ grammar: 5 }, { grammar: 'root ::= (' }, { grammar: 'leaf ::= "a"' }, { grammar: 'root ::= root "a"' },
        { grammar: 'root ::= "a"', response_format: { type: 'json_object' } }])
        await assert.rejects(ask(more), (error) => {
            assert.ok(error instanceof OpenAI.BadRequestError, `${JSON.stringify(more)}: ${error}`);
            assert.equal(error.param, 'grammar');
            return true;
        });
    assert.ok(await text({ grammar: null }));
});
