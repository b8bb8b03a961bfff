/* Conversations longer than the context of a local model: stop, truncate_middle, rolling_window. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { demoModel, startHearth } from './hearth.mjs';

const models = ['stop', 'truncate_middle', 'rolling_window'].map((overflow) =>
    `    - {name: ${overflow}, path: ${demoModel}, context: 512, overflow: ${overflow}}`).join('\n');
let hearth, client;
before(async () => {
    hearth = await startHearth({ config: `engine:\n  models:\n${models}\n` });
    client = new OpenAI({ baseURL: hearth.url, apiKey: 'any', maxRetries: 0, timeout: 60000 });
});
after(() => hearth?.stop());

const talk = (turns) => [...Array(turns)].flatMap((_, i) => [
    { role: 'user', content: `Question number ${i}: is this review positive or negative? The coffee was great.` },
    { role: 'assistant', content: 'positive' }]).concat({ role: 'user', content: 'And now: the soup was cold.' });
const ask = (model, more) => client.chat.completions.create({ model, max_tokens: 20, temperature: 0, messages: talk(20), ...more })
    .withResponse();

test('stop refuses a prompt that is too long, with both numbers', async () => {
    await assert.rejects(ask('stop'), (error) => {
        assert.ok(error instanceof OpenAI.BadRequestError, String(error));
        assert.equal(error.code, 'context_length_exceeded');
        assert.match(error.message, /512/);
        return true;
    });
});

test('the others leave out whole messages, and say how many', async () => {
    const short = (await ask('rolling_window', { messages: talk(0) })).data.usage.prompt_tokens;
    for (const model of ['truncate_middle', 'rolling_window']) {
        const { data, response } = await ask(model);
        assert.match(response.headers.get('x-hearth-warnings'), /^overflow: [1-9][0-9]* messages left out$/);
        assert.ok(data.usage.prompt_tokens > short && data.usage.prompt_tokens < 512, String(data.usage.prompt_tokens));
        const fits = await ask(model, { messages: talk(1) });
        assert.equal(fits.response.headers.get('x-hearth-warnings'), null);
    }
});

test('an answer ends with the context, or goes on', async () => {
    const grammarless = { messages: [{ role: 'user', content: 'Write.' }], max_tokens: 800, temperature: 1.5, seed: 3 };
    const noEnd = { ...grammarless, response_format: { type: 'json_schema', json_schema: { name: 'long', strict: true, schema: {
        type: 'array', minItems: 3000, items: { type: 'integer', minimum: 0, maximum: 9 } } } } };
    const stopped = (await ask('stop', noEnd)).data;
    assert.equal(stopped.choices[0].finish_reason, 'length');
    assert.ok(stopped.usage.total_tokens <= 512);
    const rolled = (await ask('rolling_window', noEnd)).data;
    assert.equal(rolled.choices[0].finish_reason, 'length');
    assert.equal(rolled.usage.completion_tokens, 800);
    assert.match(rolled.choices[0].message.content, /^\[[0-9, \n\t]+$/);
});
