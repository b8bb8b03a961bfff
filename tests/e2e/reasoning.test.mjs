/* What an engine model thinks, told apart from its answer: models that say what they were told to (script_model.c). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { startScripted } from './scripted.mjs';

let client;
startScripted(['qwen', 'r1', 'llama', 'mistral', 'mistral_args', 'harmony'], (started) => ({ client } = started));

const ask = (model, content, more = {}) =>
    ({ model, temperature: 0, max_tokens: 300, messages: [{ role: 'user', content }], ...more });

/* The same answer whole and streamed. */
async function both(body) {
    const whole = await client.chat.completions.create(body);
    const stream = await client.chat.completions.create({ ...body, stream: true, stream_options: { include_usage: true } });
    const seen = { content: '', reasoning: '', finish: null, usage: null, pieces: [] };
    for await (const chunk of stream) {
        const delta = chunk.choices[0]?.delta ?? {};
        seen.content += delta.content ?? '';
        seen.reasoning += delta.reasoning_content ?? '';
        seen.finish = chunk.choices[0]?.finish_reason ?? seen.finish;
        seen.usage = chunk.usage ?? seen.usage;
        seen.pieces.push(delta.content ?? '', delta.reasoning_content ?? '');
    }
    const { message, finish_reason: finish } = whole.choices[0];
    assert.equal(seen.content, message.content ?? '');
    assert.equal(seen.reasoning, message.reasoning_content ?? '');
    assert.equal(seen.finish, finish);
    assert.deepEqual(seen.usage.completion_tokens_details, whole.usage.completion_tokens_details);
    assert.equal(seen.usage.completion_tokens, whole.usage.completion_tokens);
    return { message, finish, usage: whole.usage, pieces: seen.pieces };
}

test('stop texts end the answer, not what is thought before it', async () => {
    for (const [model, stop, content] of [
        ['qwen', ['gree'], 'Hello there.'],
        ['qwen', ['\n'], 'Hello there.'], /* between reasoning and answer */
        ['qwen', [' there'], 'Hello'],
        ['mistral_args', ['A gree', 'ting.H'], 'Hello there.'],
        ['harmony', ['ting'], 'Hello there.'],
        ['harmony', ['there'], 'Hello '],
    ]) {
        const { message, finish } = await both(ask(model, '<go-plain>', { stop }));
        assert.equal(message.reasoning_content, 'A greeting.', model);
        assert.equal(message.content, content, `${model} ${stop}`);
        assert.equal(finish, 'stop');
    }
});

test('reasoning is told apart, whole and streamed', async () => {
    for (const [model, reasoning, content, tokens] of [
        ['qwen', 'A greeting.', 'Hello there.', 4],
        ['r1', 'Hm </thing>.', 'Yes.', 4],
        ['mistral_args', 'A greeting.', 'Hello there.', 4],
        ['harmony', 'A greeting.', 'Hello there.', 4],
    ]) {
        const { message, finish, usage, pieces } = await both(ask(model, 'Say hello.'));
        assert.equal(message.reasoning_content, reasoning, model);
        assert.equal(message.content, content, model);
        assert.equal(finish, 'stop');
        assert.ok(usage.completion_tokens_details.reasoning_tokens >= tokens, JSON.stringify(usage));
        assert.ok(usage.completion_tokens_details.reasoning_tokens < usage.completion_tokens);
        assert.ok(pieces.filter(Boolean).length > 2, 'it comes in pieces');
    }
});

test('a model without reasoning has none', async () => {
    const { message, usage } = await both(ask('mistral', 'Say hello.'));
    assert.equal(message.content, 'Hello [there].');
    assert.ok(!('reasoning_content' in message));
    assert.equal(usage.completion_tokens_details.reasoning_tokens, 0);
    const brackets = await both(ask('qwen', 'Some code.'));
    assert.equal(brackets.message.content, '1 < 2 <tools> </think>');
});

test('cut off, it shows no part of a marker', async () => {
    for (let limit = 1; limit <= 12; limit++)
        for (const model of ['qwen', 'r1', 'harmony', 'mistral_args']) {
            const { message, finish } = await both(ask(model, 'Say hello.', { max_tokens: limit }));
            const said = (message.reasoning_content ?? '') + message.content;
            assert.ok(/^(A greeting\.|Hm <\/thing>\.)?(Hello there\.|Yes\.)?$/.test(said) || finish === 'length', said);
            assert.ok(!/<\|?[a-z]*$|think|channel|\[/.test(said.replace('Hm </thing>', '')
                .replace(/^Hm <\/thi$|^Hm <$/, '')), `${model} ${limit}: ${said}`);
        }
});

test('template variables and the effort reach the template', async () => {
    for (const more of [{ chat_template_kwargs: { enable_thinking: false } }, { reasoning_effort: 'none' }]) {
        const { message } = await both(ask('qwen', 'Say hello.', more));
        assert.equal(message.content, 'Hi.');
        assert.ok(!('reasoning_content' in message));
    }
    const on = await both(ask('qwen', 'Say hello.', { reasoning_effort: 'low' }));
    assert.equal(on.message.reasoning_content, 'A greeting.');
    /* The template's own variable is stronger than what is made of the effort. */
    const off = await both(ask('qwen', 'Say hello.', { reasoning_effort: 'low', chat_template_kwargs: { enable_thinking: false } }));
    assert.equal(off.message.content, 'Hi.');
    const hard = await both(ask('harmony', 'Say hello.', { reasoning_effort: 'xhigh' }));
    assert.equal(hard.message.content, 'Thought hard.');
    for (const wrong of [{ chat_template_kwargs: [] }, { chat_template_kwargs: { messages: [] } }])
        await assert.rejects(client.chat.completions.create(ask('qwen', 'x', wrong)), OpenAI.BadRequestError);
    /* A model that does not think cannot think harder. */
    await assert.rejects(client.chat.completions.create(ask('mistral', 'x', { reasoning_effort: 'high' })), OpenAI.BadRequestError);
});

test('log-probabilities are those of the answer alone', async () => {
    for (const model of ['qwen', 'harmony', 'mistral_args']) {
        const answer = await client.chat.completions.create(ask(model, 'Say hello.', { logprobs: true, top_logprobs: 2 }));
        const { message, logprobs } = answer.choices[0];
        assert.equal(logprobs.content.map((entry) => entry.token).join('').trim(), message.content, model);
        for (const entry of logprobs.content)
            assert.equal(entry.top_logprobs.length, 2);
    }
});
